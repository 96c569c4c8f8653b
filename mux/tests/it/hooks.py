"""A hook for tests: answers by the path, and writes down what it was told, a line each."""
import http.server
import sys
import time


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open(sys.argv[1], "a", encoding="utf-8") as told:
            told.write(body + "\n")
        if self.path == "/slow":
            time.sleep(5)
        if self.path == "/garbage":
            self.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
            return
        self.send_response({"/allow": 204, "/deny": 403, "/broken": 500}.get(self.path, 200))
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
print(server.server_port, flush=True)
server.serve_forever()
