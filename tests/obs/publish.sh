#!/usr/bin/env bash
# OBS Studio without a screen, publishing until it is told to stop (SIGTERM or SIGINT).
#
#     publish.sh rtmp://127.0.0.1:1935/live KEY [KEYFRAME_SECONDS [USER PASSWORD]]
#
# Debian's obs-studio under Xvfb with software GL, at 640x360 and 15 frames a second, which two
# cores carry beside everything else. KEYFRAME_SECONDS is 2; 0 is OBS's own default, "auto".
# USER and PASSWORD tick "Use authentication". The authority in the file $TRUST (PEM), if that is set, stands in the
# place of the system's for RTMPS.
# Everything it writes is in a folder of its own, removed at the end. When OBS ends by itself the end
# of its log goes to standard error.
set -euo pipefail

server=$1 key=$2 keyframe=${3:-2} user=${4:-} password=${5:-}
login=false
[ -z "$user" ] || login=true

for tool in obs Xvfb; do
  command -v "$tool" >/dev/null || { echo "publish.sh: $tool is missing: make test-deps installs it" >&2; exit 69; }
done

home=$(mktemp -d)
children=()
stop() {
  trap - EXIT
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait
  rm -rf "$home"
}
trap stop EXIT
trap 'exit 0' TERM INT

export HOME=$home XDG_CONFIG_HOME=$home/config XDG_RUNTIME_DIR=$home/run
mkdir -p -m 0700 "$XDG_RUNTIME_DIR"
profile=$XDG_CONFIG_HOME/obs-studio/basic/profiles/Stage
mkdir -p "$profile" "$XDG_CONFIG_HOME/obs-studio/basic/scenes"

# What the first-run wizard, the updater and the profile dialogue would have written.
cat >"$XDG_CONFIG_HOME/obs-studio/global.ini" <<INI
[General]
FirstRun=true
LastVersion=486539266
EnableAutoUpdates=false
InfoIncrement=99
[Basic]
Profile=Stage
ProfileDir=Stage
SceneCollection=Stage
SceneCollectionFile=Stage
[OBSWebSocket]
FirstLoad=false
ServerEnabled=false
INI
cat >"$profile/basic.ini" <<INI
[General]
Name=Stage
[Output]
Mode=Advanced
Reconnect=true
RetryDelay=2
MaxRetries=25
[AdvOut]
Encoder=obs_x264
ApplyServiceSettings=false
TrackIndex=1
[Video]
BaseCX=640
BaseCY=360
OutputCX=640
OutputCY=360
FPSType=1
FPSInt=15
[Audio]
SampleRate=48000
ChannelSetup=Stereo
INI
cat >"$profile/service.json" <<JSON
{ "type": "rtmp_custom", "settings": { "server": "$server", "key": "$key", "use_auth": $login, "username": "$user", "password": "$password", "bwtest": false } }
JSON
cat >"$profile/streamEncoder.json" <<JSON
{ "rate_control": "CBR", "bitrate": 800, "keyint_sec": $keyframe, "preset": "ultrafast", "bf": 0, "profile": "main" }
JSON
cat >"$XDG_CONFIG_HOME/obs-studio/basic/scenes/Stage.json" <<'JSON'
{
  "name": "Stage",
  "current_scene": "Scene",
  "current_program_scene": "Scene",
  "scene_order": [{ "name": "Scene" }],
  "sources": [
    { "id": "color_source", "versioned_id": "color_source_v3", "name": "Backdrop",
      "settings": { "color": 4286595104, "width": 640, "height": 360 } },
    { "id": "scene", "versioned_id": "scene", "name": "Scene",
      "settings": { "id_counter": 1, "custom_size": false,
        "items": [{ "id": 1, "name": "Backdrop", "visible": true, "pos": { "x": 0, "y": 0 }, "scale": { "x": 1, "y": 1 } }] } }
  ]
}
JSON

# Xvfb picks a free display and says which.
mkfifo "$home/display"
Xvfb -displayfd 3 -screen 0 1280x800x24 +extension GLX -nolisten tcp -noreset 3>"$home/display" 2>/dev/null &
children+=($!)
read -r display <"$home/display"

export DISPLAY=:$display QT_QPA_PLATFORM=xcb
export LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe LP_NUM_THREADS=1
# OBS trusts what is in /etc/ssl/certs and takes no other folder: it is given a view of its own.
view=()
if [ -n "${TRUST:-}" ]; then
  mkdir "$home/certificates"
  cp "$TRUST" "$home/certificates/"
  # shellcheck disable=SC2016 # for the inner shell
  view=(unshare --user --map-root-user --mount sh -c 'mount --bind "$0" /etc/ssl/certs && exec "$@"' "$home/certificates")
fi
"${view[@]}" obs --multi --startstreaming --minimize-to-tray --profile Stage --collection Stage --scene Scene \
  --disable-missing-files-check --verbose >"$home/obs.log" 2>&1 &
children+=($!)
wait -n || true
tail -n 40 "$home/obs.log" >&2
echo "publish.sh: OBS or its screen ended by itself" >&2
exit 1
