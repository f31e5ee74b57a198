import { inFile, type Mutation, source } from './mutation.ts'

export const SAFETY: Mutation[] = [
  ...inFile('workers-node/model-fetch.ts', 'test/providers/redirects.test.ts', [
    ["redirect: 'manual', ", '', 'Google > that redirects to another port is not followed'],
    ["redirect: 'manual', ", '', 'R1 on Ollama > that redirects to itself is not followed'],
  ]),
  ...inFile('workers-node/model-error.ts', 'test/providers/redirects.test.ts', [
    [
      "if (isRedirect(statusCode)) return new ModelError({ code: 'model_redirected', node: 'fault' })",
      '',
      'DeepSeek > that redirects to another scheme is not followed',
    ],
  ]),
  ...inFile('workers-node/providers/engine/stay-at.ts', 'test/providers/redirects.test.ts', [
    [
      'if (origins.includes(new URL(url).origin))',
      'if (true)',
      'an upload goes on at the service alone, wherever it says that it should',
    ],
  ]),
  ...inFile('edge/routes/record-heartbeat.ts', 'test/nodes.test.ts', [
    [
      'demandAllowed(c, said.url)\n',
      '\n',
      'on node > a heartbeat is taken from who has the token, and says which field is wrong',
    ],
  ]),
  ...inFile('drizzle/contract/host-list.ts', 'test/host-list.test.ts', [
    [
      `endsWith(\`.${source('allowed.hostname')}\`)`,
      'endsWith(allowed.hostname)',
      '*.gpu.example does not allow http://evilgpu.example',
    ],
    [
      '(allowed.port ?? port) === port &&',
      'port > 0 &&',
      'models.example:8000 does not allow http://models.example',
    ],
    [
      "address.protocol === 'https:' ? 443 : 80",
      "address.protocol === 'https:' ? 80 : 80",
      'models.example:80 does not allow https://models.example',
    ],
    [
      '(wildcard && IP_ADDRESS.test(hostname))',
      'wildcard === hostname',
      '"*.0.0.1" is no list of hosts',
    ],
  ]),
  ...inFile('edge/file-name.ts', 'test/file-name.test.ts', [
    ["filename.replace(UNSEEN, '')", 'filename', 'text that runs backwards'],
    ['\\p{Default_Ignorable_Code_Point}', '', 'a soft hyphen and a filler'],
    ['\\uff0f\\uff3c', '', 'full-width slashes'],
    [".replace(DOTS_AT_END, '')", '', 'a name that is a way up'],
    ['.toWellFormed()', '', 'half a character is made a whole one'],
  ]),
  ...inFile('edge/content-disposition.ts', 'test/file-name.test.ts', [
    ['|["\\\\%]', '', 'a header of any name is ASCII, one line, and gives the name back'],
    ["/['()*]/g", '/[()*]/g', 'a header of any name is ASCII, one line, and gives the name back'],
  ]),
  ...inFile('edge/routes/get-file.ts', 'test/file-safety.test.ts', [
    [
      "RUN.test(type) ? 'application/octet-stream' : type",
      'type',
      'on node > what a browser may run is never given out as what it is, nor shown',
    ],
    [
      'png|jpeg|webp|gif)$/',
      'png|jpeg|webp|gif|svg)/',
      'on node > what a browser may run is never given out as what it is, nor shown',
    ],
    [
      "default-src 'none'; sandbox",
      "default-src 'none'",
      'on node > what a browser may run is never given out as what it is, nor shown',
    ],
  ]),
  ...inFile('drizzle/contract/file-url.ts', 'test/file-safety.test.ts', [
    [
      'if (name !== undefined) lines.push',
      'if (false) lines.push',
      'on node > an address is good for its own name only',
    ],
  ]),
  ...inFile('edge/multipart.ts', 'test/file-safety.test.ts', [
    ['([^\\r\\n]*)/im', '(.*)$/im', 'on node > whatever a file is called, its name leads nowhere'],
  ]),
]
