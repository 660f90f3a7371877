#!/usr/bin/python3
"""A provider for gctokend: signs in at an authorization endpoint and brings the code.

    provider.py AUTHORIZE_URL CLIENT_ID REDIRECT_URI                    as auth_provider_command
    provider.py AUTHORIZE_URL CLIENT_ID REDIRECT_URI SOCKET [PROFILE]   on its own

login() is the place for how people sign in where you are. This one only asks the endpoint, which has
to say yes at once, as one does that knows you by your address.
"""

import base64
import hashlib
import http.client
import json
import os
import secrets
import socket
import sys
import urllib.parse

AUTHORIZE_URL, CLIENT_ID, REDIRECT_URI, *WHERE = sys.argv[1:]
PROFILE = WHERE[1] if len(WHERE) > 1 else os.environ.get("GCTOKEN_PROFILE", "default")


def login():
    """A new code, as RFC 6749 section 4.1 and RFC 7636 have it."""
    verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT_URI, "state": state,
        "code_challenge": challenge.decode().rstrip("="), "code_challenge_method": "S256"})
    url = urllib.parse.urlsplit(AUTHORIZE_URL)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=20)
    connection.request("GET", f"{url.path}?{query}")
    leads_to = connection.getresponse().headers["Location"] or ""
    connection.close()
    back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(leads_to).query))
    if back.get("state") != state or "code" not in back:
        raise OSError(back.get("error_description") or "the login server did not lead back with a code")
    return {"authCode": back["code"], "redirectUri": REDIRECT_URI, "codeVerifier": verifier}


latest = []  # the code of a login that nobody has asked for yet: it is good for one exchange


def get_auth_code():
    return latest.pop() if latest else login()


def re_authenticate():
    latest[:] = [login()]
    return {}


COMMANDS = {"getAuthCode": get_auth_code, "reAuthenticate": re_authenticate, "signIn": login}


def answer(command):
    try:
        return {"data": COMMANDS[command]()}
    except (OSError, http.client.HTTPException) as error:
        return {"errorMessage": str(error)}


def serve(lines, output):
    """Is the profile's provider until the connection ends."""
    def send(message):
        output.write(json.dumps(message) + "\n")
        output.flush()

    send({"request": "authProvider.register", "parameters": {"profile": PROFILE, "commands": list(COMMANDS)}})
    send({"request": "authProvider.ready", "parameters": {"profile": PROFILE}})
    for line in lines:
        message = json.loads(line)
        if "command" in message:
            send({"commandId": message["commandId"], **answer(message["command"])})
        elif "error" in message:
            print(f"provider.py: {message['errorMessage']}", file=sys.stderr)
            if "commandId" not in message:  # it is not our answer that was of no use: we are no provider
                sys.exit(1)


if WHERE:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(WHERE[0])
        stream = connection.makefile("rw", encoding="utf-8")
        serve(stream, stream)
else:
    serve(sys.stdin, sys.stdout)
