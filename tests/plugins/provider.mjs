#!/usr/bin/env node
// A provider for gctokend: signs in at an authorization endpoint and brings the code.
//
//     provider.mjs AUTHORIZE_URL CLIENT_ID REDIRECT_URI                    as auth_provider_command
//     provider.mjs AUTHORIZE_URL CLIENT_ID REDIRECT_URI SOCKET [PROFILE]   on its own
//
// login() is the place for how people sign in where you are. This one only asks the endpoint, which
// has to say yes at once, as one does that knows you by your address.

import crypto from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import readline from 'node:readline';

const [authorizeUrl, clientId, redirectUri, socket, named] = process.argv.slice(2);
const profile = named ?? process.env.GCTOKEN_PROFILE ?? 'default';

function leadsTo(url) {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).get(url, { timeout: 20000 }, (answer) => {
      answer.resume();
      resolve(answer.headers.location ?? '');
    });
    request.on('timeout', () => request.destroy(new Error('the login server does not answer')));
    request.on('error', reject);
  });
}

// A new code, as RFC 6749 section 4.1 and RFC 7636 have it.
async function login() {
  const codeVerifier = crypto.randomBytes(64).toString('base64url');
  const state = crypto.randomBytes(16).toString('base64url');
  const challenge = crypto.createHash('sha256').update(codeVerifier).digest('base64url');
  const url = new URL(authorizeUrl);
  url.search = new URLSearchParams({
    response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state,
    code_challenge: challenge, code_challenge_method: 'S256',
  });
  const back = new URLSearchParams((await leadsTo(url)).split('?')[1]);
  if (back.get('state') !== state || !back.has('code')) {
    throw new Error(back.get('error_description') ?? 'the login server did not lead back with a code');
  }
  return { authCode: back.get('code'), redirectUri, codeVerifier };
}

let latest; // the code of a login that nobody has asked for yet: it is good for one exchange

const commands = {
  async getAuthCode() {
    const data = latest ?? await login();
    latest = undefined;
    return data;
  },
  async reAuthenticate() {
    latest = await login();
    return {};
  },
  signIn: login,
};

// Is the profile's provider until the connection ends.
function serve(input, output) {
  const send = (message) => output.write(JSON.stringify(message) + '\n');
  send({ request: 'authProvider.register', parameters: { profile, commands: Object.keys(commands) } });
  send({ request: 'authProvider.ready', parameters: { profile } });
  readline.createInterface({ input }).on('line', async (line) => {
    const { command, commandId, error, errorMessage } = JSON.parse(line);
    if (command) {
      try {
        send({ commandId, data: await commands[command]() });
      } catch (failure) {
        send({ commandId, errorMessage: failure.message });
      }
    } else if (error) {
      console.error(`provider.mjs: ${errorMessage}`);
      if (!commandId) process.exit(1); // it is not our answer that was of no use: we are no provider
    }
  });
}

if (socket) {
  const connection = net.connect(socket, () => serve(connection, connection));
} else {
  serve(process.stdin, process.stdout);
}
