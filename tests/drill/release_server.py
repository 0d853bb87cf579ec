"""Serves DIRECTORY over HTTP on 127.0.0.1 and prints its port: what GitHub's releases are to a download.

    release_server.py DIRECTORY [CUT]      of files whose name ends in CUT only the first half is sent
"""
import functools
import http.server
import pathlib
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    cut = None

    def copyfile(self, source, outputfile):
        content = source.read()
        if self.cut and self.path.endswith(self.cut):
            content = content[: len(content) // 2]
        outputfile.write(content)

    def log_message(self, format, *args):
        pass


Handler.cut = sys.argv[2] if len(sys.argv) > 2 else None
pathlib.Path(sys.argv[1]).stat()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
print(server.server_port, flush=True)
server.serve_forever()
