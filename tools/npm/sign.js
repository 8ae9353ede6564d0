// What the official SDKs of COS and Amazon sign, for tests.
// Usage: NODE_PATH=build/npm/node_modules node tools/npm/sign.js compare PROGRAM COUNT SEED
//            holds the signatures of PROGRAM (tools/sign.c) against the SDKs' for COUNT random requests of each kind
//        NODE_PATH=build/npm/node_modules node tools/npm/sign.js cos
//            answers lines of JSON, the options of the SDK's getAuth, by what that makes of them, a line each
const { createHash, createHmac } = require('node:crypto');
const { spawnSync } = require('node:child_process');
const readline = require('node:readline');
const COS = require('cos-nodejs-sdk-v5');
const { SignatureV4 } = require('@smithy/signature-v4');

// ---- random requests ----

/** Numbers that a seed says (mulberry32). */
function random(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const ODD = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const WIDE = ['目', '录', 'é', 'ß', '😀', '\u00a0', 'ж'];

/** A text of up to `most` letters, odd and wide characters. */
function text(pick, most, odd = ODD, wide = WIDE) {
  let made = '';
  for (let left = 1 + pick(most); left > 0; left--) {
    const kind = pick(10);
    if (kind < 6 || (kind === 9 && wide.length === 0)) made += LETTERS[pick(LETTERS.length)];
    else if (kind < 9) made += odd[pick(odd.length)];
    else made += wide[pick(wide.length)];
  }
  return made;
}

/** Names that differ without regard to case, with values. */
function pairs(pick, most, name, value) {
  const made = {};
  const seen = new Set();
  for (let left = pick(most + 1); left > 0; left--) {
    const key = name();
    if (seen.has(key.toLowerCase())) continue;
    seen.add(key.toLowerCase());
    made[key] = value();
  }
  return made;
}

const COS_HEADERS = ['range', 'if-none-match', 'if-modified-since', 'Content-Type', 'Origin', 'X-Cos-Meta-a', 'x-cos-acl', 'x-ci-b'];
const SECRET = LETTERS + '/+=';
const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE', 'POST'];

function request(pick) {
  const start = 1500000000 + pick(500000000);
  const query = pairs(pick, 5, () => text(pick, 12, ODD, ['目', '录']), () => (pick(4) ? text(pick, 20) : ''));
  const one = () => Array.from({ length: 20 + pick(20) }, () => SECRET[pick(SECRET.length)]).join('');
  return {
    method: METHODS[pick(METHODS.length)],
    // No segment is empty: in S3's SDK a path is a URL's.
    path: '/' + Array.from({ length: 1 + pick(4) }, () => text(pick, 15, ODD.replace('/', ''))).join('/'),
    id: 'AKID' + text(pick, 20, '', []),
    secret: one(),
    start,
    end: start + pick(100000),
    region: ['us-east-1', 'eu-central-1', 'ap-guangzhou'][pick(3)],
    token: pick(3) ? '' : one(),
    query,
    host: 'b' + pick(1000) + '.example.com' + (pick(2) ? ':' + (1 + pick(65535)) : ''),
    cosHeaders: pairs(pick, 4, () => COS_HEADERS[pick(COS_HEADERS.length)], () => text(pick, 30)),
    s3Headers: pairs(pick, 4, () => 'x-h' + text(pick, 8, '-_.', []), () => text(pick, 30)),
  };
}

// ---- what each side makes of them ----

const hex = (value) => Buffer.from(String(value), 'utf8').toString('hex');

function lines(kind, one) {
  const head =
    kind === 'cos'
      ? [one.method, one.path, one.id, one.secret, one.start, one.end]
      : [one.method, one.path, one.id, one.secret, one.start, one.region, one.token];
  const headers = { Host: one.host, ...(kind === 'cos' ? one.cosHeaders : one.s3Headers) };
  const add = (word, from) => Object.entries(from).map(([name, value]) => `${word} ${hex(name)} ${hex(value)}`);
  return [`${kind} ${head.map(hex).join(' ')}`, ...add('parameter', one.query), ...add('header', headers), '', ''].join('\n');
}

function byCos(one) {
  return COS.getAuthorization({
    Method: one.method,
    Pathname: one.path,
    SecretId: one.id,
    SecretKey: one.secret,
    KeyTime: `${one.start};${one.end}`,
    Query: one.query,
    Headers: { Host: one.host, ...one.cosHeaders },
  });
}

class Sha256 {
  constructor(secret) {
    this.secret = secret;
    this.reset();
  }
  reset() {
    this.hash = this.secret === undefined ? createHash('sha256') : createHmac('sha256', Buffer.from(this.secret));
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return new Uint8Array(this.hash.digest());
  }
}

const encode = (part) => encodeURIComponent(part).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

async function byS3(one) {
  const signer = new SignatureV4({
    service: 's3',
    region: one.region,
    credentials: { accessKeyId: one.id, secretAccessKey: one.secret, ...(one.token && { sessionToken: one.token }) },
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: true,
  });
  const signed = await signer.sign(
    {
      method: one.method,
      protocol: 'https:',
      hostname: one.host,
      path: one.path.split('/').map(encode).join('/'),
      query: one.query,
      headers: { host: one.host, ...one.s3Headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    },
    { signingDate: new Date(one.start * 1000) },
  );
  return signed.headers.authorization;
}

async function compare(program, count, seed) {
  const pick = random(seed);
  const requests = Array.from({ length: count }, () => request(pick));
  for (const [kind, by] of [['cos', byCos], ['s3', byS3]]) {
    const input = requests.map((one) => lines(kind, one)).join('');
    const done = spawnSync(program, { input, encoding: 'utf8', maxBuffer: 1 << 28 });
    const ours = done.stdout.split('\n');
    if (done.status !== 0 || ours.length !== count + 1) {
      console.log(`${program} ended with ${done.status} after ${ours.length - 1} signatures: ${done.stderr}`);
      return 1;
    }
    for (let i = 0; i < count; i++) {
      const theirs = await by(requests[i]);
      if (theirs === ours[i]) continue;
      console.log(`${kind}, seed ${seed}, request ${i}: ${JSON.stringify(requests[i])}\nours   ${ours[i]}\ntheirs ${theirs}`);
      return 1;
    }
    console.log(`${kind}: ${count} signatures are those of the SDK`);
  }
  return 0;
}

const [what, ...words] = process.argv.slice(2);
if (what === 'compare') {
  compare(words[0], Number(words[1]), Number(words[2])).then((code) => process.exit(code));
} else {
  readline.createInterface({ input: process.stdin }).on('line', (line) => console.log(COS.getAuthorization(JSON.parse(line))));
}
