#!/usr/bin/python3
"""A provider for gctokend: signs in at an authorization endpoint and brings the code.

    provider.py AUTHORIZE_URL CLIENT_ID REDIRECT_URI                              as auth_provider_command
    provider.py AUTHORIZE_URL CLIENT_ID REDIRECT_URI --socket PATH --profile NAME  on its own

It stands for what knows how people sign in where you are. This one only asks the endpoint, which has to say yes at
once, as one does that knows you by your address; login() is the place for anything else.
"""

import argparse
import base64
import hashlib
import http.client
import json
import os
import secrets
import socket
import sys
import urllib.parse


class Provider:
    def __init__(self, arguments):
        self.arguments = arguments
        self.data = None  # what getAuthCode brings

    def login(self):
        """Goes to the authorization endpoint (RFC 6749 section 4.1, RFC 7636) and takes the code from where it leads."""
        verifier = secrets.token_urlsafe(64)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        state = secrets.token_urlsafe(16)
        query = urllib.parse.urlencode({
            "response_type": "code", "client_id": self.arguments.client_id, "redirect_uri": self.arguments.redirect_uri,
            "code_challenge": challenge, "code_challenge_method": "S256", "state": state})
        url = urllib.parse.urlsplit(self.arguments.authorize_url)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.netloc, timeout=20)
        connection.request("GET", f"{url.path}?{query}")
        location = connection.getresponse().headers["Location"]
        connection.close()
        back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location or "").query))
        if back.get("state") != state or "code" not in back:
            raise RuntimeError(back.get("error_description") or "the login server did not lead back with a code")
        self.data = {"authCode": back["code"], "redirectUri": self.arguments.redirect_uri, "codeVerifier": verifier}

    def get_auth_code(self):
        if not self.data:
            self.login()
        data, self.data = self.data, None  # a code is good for one exchange
        return data

    def re_authenticate(self):
        self.login()
        return {}

    def sign_in(self):
        self.login()
        return self.get_auth_code()

    def serve(self, lines, send):
        """Becomes the profile's provider, and does what it is told until the connection ends."""
        commands = {"getAuthCode": self.get_auth_code, "reAuthenticate": self.re_authenticate, "signIn": self.sign_in}
        profile = {"profile": self.arguments.profile}
        send({"request": "authProvider.register", "parameters": {**profile, "commands": list(commands)}})
        send({"request": "authProvider.ready", "parameters": profile})
        for line in lines:
            message = json.loads(line)
            if "error" in message:
                sys.exit("provider.py: " + message["errorMessage"])
            if "command" not in message:
                continue  # the answer to a request of ours
            answer = {"commandId": message["commandId"]}
            try:
                answer["data"] = commands[message["command"]]()
            except (OSError, RuntimeError) as error:
                answer["errorMessage"] = str(error)
            send(answer)


def main():
    parser = argparse.ArgumentParser()
    for name in ("authorize_url", "client_id", "redirect_uri"):
        parser.add_argument(name)
    parser.add_argument("--socket", help="connect here; else standard input and output are the connection")
    parser.add_argument("--profile", default=os.environ.get("GCTOKEN_PROFILE", "default"))
    arguments = parser.parse_args()
    if arguments.socket:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(arguments.socket)
            stream = connection.makefile("rw", encoding="utf-8")
            run(arguments, stream, stream)
    else:
        run(arguments, sys.stdin, sys.stdout)


def run(arguments, lines, output):
    def send(message):
        output.write(json.dumps(message) + "\n")
        output.flush()

    Provider(arguments).serve(lines, send)


if __name__ == "__main__":
    main()
