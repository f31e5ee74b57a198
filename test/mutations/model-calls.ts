import { inFile, type Mutation } from './mutation.ts'

export const MODEL_CALLS: Mutation[] = [
  ...inFile('workers-node/stream-answer.ts', 'test/providers/faults.test.ts', [
    ["if (part.text === '') continue", '', 'Google: > empty deltas instead of the rest'],
    [
      'timers.heard()\n        yield { type: part',
      'yield { type: part',
      'Google: > a stop in the middle',
    ],
    ['signal, timers.signal,', 'signal,', 'Google: > keep-alive comments for too long'],
    [
      'if (!InvalidResponseDataError.isInstance(part.error)) throw part.error',
      'throw part.error',
      'an OpenAI-compatible service: > an orderly end without a finish reason',
    ],
  ]),
  ...inFile('workers-node/stream-answer.ts', 'test/providers/calls.test.ts', [
    [
      '    leaving.abort()\n',
      '',
      'an OpenAI-compatible service: > a caller that leaves the loop ends the connection',
    ],
    [
      'signal, timers.signal,',
      'timers.signal,',
      'Google: > an abort in mid-stream ends the connection and throws its own reason',
    ],
  ]),
  ...inFile('workers-node/call-model.ts', 'test/providers/calls.test.ts', [
    [
      'signal.aborted ? signal.reason : modelErrorOf(error)',
      'modelErrorOf(error)',
      'Google: > an abort before the response ends the connection and throws its own reason',
    ],
  ]),
  ...inFile('workers-node/call-model.ts', 'test/providers/faults.test.ts', [
    ['  if (verdict) throw verdict\n', '', 'Google: > an empty answer'],
  ]),
  ...inFile('workers-node/verdict.ts', 'test/providers/faults.test.ts', [
    ['  if (!raw) {', '  if (false) {', 'DeepSeek: > an orderly end without a finish reason'],
    [
      'isEventStream ? brokeOff() : invalidAnswer()',
      'brokeOff()',
      'an OpenAI-compatible service: > an HTML page',
    ],
    [
      'isEventStream ? brokeOff() : invalidAnswer()',
      'invalidAnswer()',
      'Google: > an orderly end without anything',
    ],
    ["text.trim() !== ''", "text !== ''", 'Google: > an answer of white space'],
    ["finishReason === 'error' || ", '', 'Google: > a finish reason that is an error'],
    [
      ' || BROKEN_AT_THE_SERVICE.has(raw)',
      '',
      'an OpenAI-compatible service: > a finish reason that is an error',
    ],
    [
      "finishReason === 'length' && !limited",
      'false',
      'DeepSeek: > a limit that is not the user’s',
    ],
  ]),
  ...inFile('workers-node/verdict.ts', 'test/providers/calls.test.ts', [
    [
      "if (finishReason === 'content-filter')",
      'if (false)',
      'a prompt that Google blocks is told apart from an empty answer',
    ],
    [
      "finishReason === 'length' && !limited",
      "finishReason === 'length'",
      "Google: > at the user's own limit an answer is good",
    ],
  ]),
  ...inFile('workers-node/call-timers.ts', 'test/providers/faults.test.ts', [
    [
      '() => this.end(this.outOfTime())',
      '() => {}',
      'Google: > an answer that goes on for too long',
    ],
    [
      "this.within(this.timeouts.firstTokenMs, 'first_token_timeout')",
      "this.within(this.timeouts.idleMs, 'idle_timeout')",
      'Google: > a response without a first token',
    ],
    ["{ code, node: 'fault' }", '{ code }', 'Google: > a stop in the middle'],
  ]),
  ...inFile('workers-node/call-timers.ts', 'test/providers/calls.test.ts', [
    [
      '    clearTimeout(this.quiet)\n    this.quiet = this.within(this.timeouts.idleMs',
      '    this.quiet = this.within(this.timeouts.idleMs',
      'a slow answer is no silent one: each text puts the idle time-out off',
    ],
    [
      'performance.now() - due > HELD_UP_MS',
      'false',
      'a timer held up with the whole process does not blame the service',
    ],
  ]),
  ...inFile('workers-node/call-timers.ts', 'test/providers/files.test.ts', [
    [
      "    this.blamed = 'fault'\n",
      '',
      'an upload to a Gemini service: > silence ends the call by its whole time, and the connection with it',
    ],
    ['    this.blamed = null\n', '', 'the whole time counts once, for the uploads and the answer'],
    [
      "retryable: node === 'unasked'",
      'retryable: false',
      'what was not asked before the whole time was over may be asked again',
    ],
  ]),
  ...inFile('workers-node/model-error.ts', 'test/providers/faults.test.ts', [
    [
      'if (StreamProviderError.isInstance(error)) return ofErrorChunk(error, error.data)',
      '',
      'Google: > an error chunk with the number 429',
    ],
    [
      ' && isErrorChunk(error.value)',
      ' && false',
      'DeepSeek: > an error chunk that is a mere text',
    ],
    ['    brokenOff ||= BROKEN_OFF.has(code)\n', '', 'Google: > a reset before the response'],
    ['responded && error.cause !== undefined', 'responded', 'Google: > status 304'],
    ['AISDKError.isInstance(at) || ', '', 'Google: > no body'],
    ['if (responded) return invalidAnswer()', '', 'Google: > status 304'],
    ['status === 408 || status === 409 ||', 'status === 409 ||', 'Google: > status 408'],
    ['status === 408 || status === 409 ||', 'status === 408 ||', 'Google: > status 409'],
    [' || status === 429 || status >= 500\n', ' || status >= 500\n', 'Google: > status 429'],
    [' || status === 429 || status >= 500\n', ' || status === 429\n', 'Google: > status 500'],
    [
      "asked === null ? null : ('rest' as const)",
      "'rest' as const",
      'Google: > status 429 with a Retry-After that is none',
    ],
    [
      'retryAfterMs: retryable ? asked : null',
      'retryAfterMs: asked',
      'Google: > status 400 with Retry-After, which is not retried all the same',
    ],
    [' || UNREADABLE.test(code)', '', 'DeepSeek: > a body that is not compressed as it says'],
    [
      'STATUS_OF_WORD.get(String(value).toLowerCase()) ?? ',
      '',
      'an OpenAI-compatible service: > an error chunk with the word for 429',
    ],
  ]),
  ...inFile('workers-node/model-error.ts', 'test/providers/calls.test.ts', [
    [
      'if (error instanceof Error) return error',
      '',
      'Google: > an error that is no fault of the service is thrown as it is',
    ],
    [
      'UND_ERR_RES_EXCEEDED_MAX_SIZE',
      'X',
      'an answer without an end is left before it fills the memory',
    ],
  ]),
  ...inFile('workers-node/model-error.ts', 'test/providers/no-service.test.ts', [
    [
      "at.name === 'HTTPParserError' ||",
      '',
      'without a service: > what listens does not speak HTTP',
    ],
  ]),
  ...inFile('workers-node/model-fetch.ts', 'test/providers/calls.test.ts', [
    [
      '    maxResponseSize: MOST_BYTES,\n',
      '',
      'an answer without an end is left before it fills the memory',
    ],
  ]),
  ...inFile('workers-node/model-fetch.ts', 'test/providers/no-service.test.ts', [
    [
      '    connect: { timeout: connectMs },\n',
      '',
      'without a service: > the connection is never made: its TLS handshake gets no answer',
    ],
  ]),
  ...inFile('workers-node/retry-delay.ts', 'test/retry-delay.test.ts', [
    [
      'Math.min(askedMs, MOST_ASKED_MS)',
      'askedMs',
      'a task waits for no more than two minutes, however long its node is to rest',
    ],
  ]),
  ...inFile('workers-node/retry-after.ts', 'test/retry-after.test.ts', [
    ['ofMs(headers) ?? ', '', 'Retry-After: ms beside seconds'],
    [' ?? ofDetails(body)', '', "Google's RetryInfo: whole seconds"],
    [
      'Math.min(Math.round(asked), MOST_MS)',
      'Math.round(asked)',
      'Retry-After: more than the bound',
    ],
    ['return ms && NUMBER.test(ms) ?', 'return ms ?', 'Retry-After: bad ms beside seconds'],
    [
      '|| !HTTP_DATES.some((form) => form.test(date))',
      '',
      'Retry-After: words that V8 reads as a date',
    ],
    ["date.endsWith('GMT') ? date : ", 'true ? date : ', 'Retry-After: a date of asctime'],
    ['timeOf(headers?.date?.trim()) ?? ', '', 'Retry-After: a date'],
    ['return ms < 0 ? undefined : ms', 'return ms', 'Retry-After: a date that is past'],
  ]),
]
