#!/bin/sh
# Draws back-in-a-moment.png beside itself.
set -eu
cd "$(dirname "$0")"
font=/usr/share/fonts/truetype/dejavu/DejaVuSans-ExtraLight.ttf
glow="pow(max(0\,1-hypot((X-640)/640\,(Y-360)/360))\,1.3)"
dot='drawbox=w=10:h=10:y=438:t=fill:color'
ffmpeg -v error -y -f lavfi -i "color=black:size=1280x720,format=gbrp,geq=r='46*$glow':g='70*$glow':b='112*$glow'" \
    -vf "drawtext=fontfile=$font:text='Back in a moment':fontsize=72:fontcolor=0xe8edf5:x=(w-text_w)/2:y=318,\
$dot=0x8fa3c4:x=605,$dot=0x8fa3c4:x=635,$dot=0x8fa3c4:x=665,format=rgb24" \
    -frames:v 1 -compression_level 9 -pred mixed back-in-a-moment.png
