import { inFile, inStatement, type Mutation, source } from './mutation.ts'

export const FILES: Mutation[] = [
  ...inFile('edge/delete-doomed.ts', 'test/leftovers.test.ts', [
    [
      'if (gone.length > 0) await postgres.run(forgetDoomedObjects(gone))\n        if (failure) throw failure.reason',
      'if (failure) throw failure.reason\n        if (gone.length > 0) await postgres.run(forgetDoomedObjects(gone))',
      'a process > forgets all that the store has let go of before it failed, and nothing else',
    ],
    [
      "ends[i]!.status === 'fulfilled'",
      'ends[i]',
      'a process > forgets all that the store has let go of before it failed, and nothing else',
    ],
  ]),
  ...inFile('edge/leftovers.ts', 'test/leftovers.test.ts', [
    [
      'Date.now() >= this.#dueAt',
      'this.#dueAt >= 0',
      'a process > looks once in ten minutes where nobody brings anything',
    ],
  ]),
  ...inFile('edge/routes/submit-batch.ts', 'test/leftovers.test.ts', [
    [
      'afterAnswer(c, c.var.leftovers.forgetIfDue(c.var))',
      '',
      'a submit without files has what was left over forgotten',
    ],
  ]),
  ...inFile('edge/run-uncrossed.ts', 'test/run-knowingly.test.ts', [
    [
      'error.crossed) || tries === TRIES',
      'error.crossed) || tries > 0',
      'an answer after deadlocks is one',
    ],
    [
      ' || tries === TRIES',
      '',
      'a statement that is in the way of others again and again was not carried out',
    ],
  ]),
  ...inFile('drizzle/contract/file-url.ts', 'test/file-url.test.ts', [
    ['expiresAt * 1000 > Date.now() ?', 'true ?', 'file URLs > serve for their time only'],
    [
      '[method, fileId, owner, expiresAt]',
      '[fileId, owner, expiresAt]',
      'file URLs > serve for one method, file, owner and time, by one secret',
    ],
    [
      '[method, fileId, owner, expiresAt]',
      '[method, fileId, owner]',
      'file URLs > serve for one method, file, owner and time, by one secret',
    ],
    [
      '[method, fileId, owner, expiresAt]',
      '[method, owner, expiresAt]',
      'file URLs > serve for one method, file, owner and time, by one secret',
    ],
    [
      '[method, fileId, owner, expiresAt]',
      '[method, fileId, expiresAt]',
      'file URLs > serve for one method, file, owner and time, by one secret',
    ],
  ]),
  ...inFile('edge/run-knowingly.ts', 'test/run-knowingly.test.ts', [
    [
      'throw new DatabaseError(error.code, true)',
      'throw error',
      'a repeat that finds no room: the outcome stays unknown',
    ],
  ]),
  ...inFile('edge/uploads.ts', 'test/kept-objects.test.ts', [
    [
      '!(error instanceof DatabaseError && error.unavailable)',
      'true',
      'a submit keeps its object after ["57P03"], as a row may name it',
    ],
    [
      '!(error instanceof DatabaseError && error.unavailable)',
      'false',
      'a submit keeps nothing after ["40P01"], as no row can name it',
    ],
  ]),
  ...inFile('edge/uploads.ts', 'test/kept-objects.test.ts', [
    [
      '!(error instanceof DatabaseError && error.unavailable)',
      'true',
      'a picture keeps its object after ["53300"], as a row may name it',
    ],
  ]),
  ...inFile('edge/routes/put-file.ts', 'test/kept-objects.test.ts', [
    [
      ' && !error.outcomeUnknown',
      '',
      'a picture keeps its object after ["unreachable","23505"], as a row may name it',
    ],
  ]),
  ...inFile('edge/routes/get-file.ts', 'test/uploads.test.ts', [
    [
      'await c.var.postgres.run(markFileLost(owner, fileId, file.object_key))',
      '',
      'on node > content that the store has lost is kept anew once it is sent again',
    ],
  ]),
  ...inFile('drizzle/contract/accepts.ts', 'test/accepts.test.ts', [
    [
      "inputKindOf(type) !== 'text'",
      'true',
      'qwen2.5-vl:7b and pictures of [10485760,10485760] bytes, texts of [100000] bytes',
    ],
  ]),
  ...inFile('workers-node/files-door.ts', 'test/files-door.test.ts', [
    [
      "if (createHash('sha256').update(bytes).digest('hex') !== file.sha256) throw NOT_THE_FILE",
      '',
      'bytes that are other than those of the file are not taken for it',
    ],
    ["signal: within, redirect: 'error' }", 'signal: within }', 'a redirect leads nowhere'],
    [
      ' && tries < STORE_TRIES',
      ' && false',
      'a picture is not given up at the first fault, and put under the same URL again',
    ],
    [
      'error.retryable && tries',
      'tries',
      'a picture that the gateway does not take is not tried again',
    ],
    [
      'if (signal.aborted) throw signal.reason',
      '',
      'who waits for a file no more is told so by the own reason',
    ],
    ['status >= 500)', 'false)', 'status 503 is worth another try'],
  ]),
  ...inFile('workers-node/prompt/place-files.ts', 'test/prompt/place-files.test.ts', [
    [
      ' && inlineBytes > carries.inlineBytes',
      '',
      'a file of this turn > of type image/png has its place: inline, where it could be uploaded too',
    ],
    [
      "place === 'inline' ? 'upload' : place",
      'place',
      'a file of this turn > is uploaded where a request cannot carry it',
    ],
    [
      'if (!earlier) throw',
      'if (false) throw',
      'a file of this turn > is rejected for more bytes than a request carries',
    ],
    [
      "i < own && place !== 'named'",
      "place !== 'named'",
      'files of earlier turns > are left out, oldest first, where they are too much to carry, however large those of this turn',
    ],
  ]),
  ...inFile('workers-node/prompt/first-kept.ts', 'test/prompt/place-files.test.ts', [
    [
      'roundness(i) > roundness(chosen)',
      'false',
      'a conversation with a picture each turn keeps the beginning of its prompts, but for a few steps',
    ],
    [
      'count(left) > count(fitting) / 2',
      'true',
      'files of earlier turns > are left out, oldest first, until the rest fits into a request',
    ],
  ]),
  ...inFile('workers-node/prompt/messages-of.ts', 'test/prompt/messages-of.test.ts', [
    [
      'turn.answer || NO_WORDS',
      'turn.answer',
      'a picture that the model made stands before the next prompt, and an answer is never empty',
    ],
    [
      'history[i - 1]?.made',
      'history.at(-1)?.made',
      'each turn goes on from the very messages of the one before it',
    ],
  ]),
  ...inFile('workers-node/prompt/text-of-file.ts', 'test/prompt/messages-of.test.ts', [
    [
      'sha256.slice(0, 12)',
      "'000000000000'",
      'a text file cannot feign its end, and a name not the end of its line',
    ],
    [
      'JSON.stringify(name)',
      `('"' + name + '"')`,
      'a text file cannot feign its end, and a name not the end of its line',
    ],
  ]),
  ...inFile('workers-node/call-model.ts', 'test/providers/files.test.ts', [
    [
      '        prompt.letGo()\n',
      '',
      'the memory that files take: > where an answer fails its room is free again',
    ],
  ]),
  ...inFile('workers-node/byte-budget.ts', 'test/byte-budget.test.ts', [
    [
      'if (place.bytes > this.free) return',
      'if (place.bytes > this.free) continue',
      'who comes first is served first, also before one that wants less',
    ],
    [
      'Math.min(wanted, this.total)',
      'wanted',
      'more than there is waits until all is free, and then has all of it',
    ],
    [
      '        this.waiting.delete(place)\n        reject',
      '        reject',
      'who no longer waits is told its own reason, and holds up nobody',
    ],
  ]),
  ...inFile('workers-node/prompt/compose-prompt.ts', 'test/providers/files.test.ts', [
    [
      '    letGo()\n    throw error',
      '    throw error',
      'the memory that files take: > where a file is not to be had its room is free again',
    ],
    [
      '    } finally {\n      letGo()\n',
      '    } finally {\n',
      'the memory that files take: > where an upload fails its room is free again',
    ],
    [
      'if (!earlier || !isGone(error)) throw error',
      'throw error',
      'Google: > a file of an earlier turn that is gone is only named',
    ],
    [
      'if (!earlier || !isGone(error)) throw error',
      'if (!isGone(error)) throw error',
      'Google: > a file that is gone fails the call, without a word to the service',
    ],
    [
      ' || afresh || ',
      ' || ',
      "Google's File API: > a file that Google no longer has is uploaded again",
    ],
    [
      'known.get(file.file_id) ?? ',
      '',
      "Google's File API: > a file that is too large for a request is uploaded, once while it is remembered",
    ],
  ]),
  ...inFile('workers-node/model-error.ts', 'test/providers/files.test.ts', [
    [
      "if (name === 'GOOGLE_FILES_UPLOAD_FAILED')",
      "if (name === '')",
      "Google's File API: > a file that Google cannot process is rejected",
    ],
  ]),
  ...inFile('workers-node/providers/gemini.ts', 'test/providers/files.test.ts', [
    [
      "if (typeof handle !== 'string') throw unexpected(handle)",
      '',
      'an upload to Google, when it has the bytes: > an answer of another kind is none: {"file":{"state":"ACTIVE"}}',
    ],
    [
      " &&\n      /\\bfile\\b.*\\b(may not exist|not found)\\b/is.test(error.responseBody ?? '')",
      '',
      "Google's File API: > a refusal of another kind is not taken for that",
    ],
  ]),
  ...inFile('workers-node/providers/gemini.ts', 'test/providers/wire.test.ts', [
    [
      "controller.enqueue({ type: 'response-metadata', modelId })",
      '',
      'Google: > a streamed answer',
    ],
    [
      '(Array.isArray(body) ? body : [body])',
      '[body]',
      'Google: > an answer that is not streamed though it was to be',
    ],
  ]),
  ...inFile('workers-node/providers/openai-compatible.ts', 'test/providers/wire.test.ts', [
    [
      ", object: 'chat.completion.chunk'",
      '',
      'DeepSeek: > an answer that is not streamed though it was to be',
    ],
  ]),
  ...inFile('workers-node/providers/engine/uploading-service.ts', 'test/providers/files.test.ts', [
    [
      'files.length > 0 ? { ...body, messages, files } : body',
      '{ ...body, messages, files }',
      'a request without files names none',
    ],
  ]),
  ...inFile('workers-node/providers/engine/pictures.ts', 'test/providers/pictures.test.ts', [
    [
      'given.size < given.add(address).size',
      'true',
      'pictures in the text of a Gemini service: > one that is told of twice is one',
    ],
    [
      "if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return undefined",
      'if (!url) return undefined',
      'pictures in the text of a Gemini service: > an address of another kind is none: file:///etc/passwd',
    ],
  ]),
  ...inFile(
    'workers-node/providers/engine/markdown-pictures.ts',
    'test/providers/pictures.test.ts',
    [
      [
        'if (next < from) next',
        'next',
        'pictures in the text of a Gemini service: > as much as an answer may be, begun and never ended, it holds nothing up',
      ],
      [
        'found?.to ?? from + 1',
        'from + 1',
        'pictures in the text of a Gemini service: > as Markdown with inline data, cut anywhere',
      ],
    ],
  ),
  ...inFile('workers-node/download-picture.ts', 'test/providers/pictures.test.ts', [
    [
      'if (mediaType) return',
      'if (true) return',
      'pictures in the text of a Gemini service: > what is no picture is not fetched, and the picture lost',
    ],
    [
      'if (url.origin !== origin && !isAllowedHost(hosts, url)) throw lost(false)',
      '',
      'pictures in the text of a Gemini service: > an address of this machine is never asked, however often the model names it',
    ],
    [
      ' || data.length > MOST_BYTES',
      '',
      'pictures in the text of a Gemini service: > what is too large is not fetched, and the picture lost',
    ],
  ]),
  ...inFile('workers-node/call-model.ts', 'test/providers/pictures.test.ts', [
    [
      'verdict ? [] : pictures.entries()',
      'pictures.entries()',
      'Google: > of an answer that is no good no picture is kept',
    ],
  ]),
  ...inFile('workers-node/verdict.ts', 'test/providers/pictures.test.ts', [
    [
      "if (mode === 'image' && !hasPicture)",
      'if (false)',
      'Google: > words without a picture are none',
    ],
    ['hasText || hasPicture ?', 'hasText ?', 'Google: > a picture without words is an answer'],
  ]),
  ...inFile('workers-node/soft-refusal.ts', 'test/soft-refusal.test.ts', [
    [
      'if (said.length > SHORT) return false',
      '',
      'is an answer: 抱歉，我无法生成图片。And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. And here is much more to say about it. ',
    ],
    [
      'pattern.exec(begun)?.index === 0',
      'pattern.test(begun)',
      'is an answer: The error reads: I cannot create images.',
    ],
    ['if (hasPicture) return false', '', 'words beside a picture are none'],
    [
      "if (mode === 'image') return",
      'if (false) return',
      'in place of a picture a refusal stands anywhere, however long',
    ],
    ["text.normalize('NFKC')", 'text', 'is a refusal: 很抱歉，我目前无法直接为您生成图像。'],
  ]),
  ...inFile('workers-node/model-fetch.ts', 'test/providers/long-calls.test.ts', [
    [
      '    headersTimeout: 0,\n',
      '    headersTimeout: 400,\n',
      'a service may be silent for longer than undici allows, before it responds',
    ],
    [
      '    bodyTimeout: 0,\n',
      '    bodyTimeout: 400,\n',
      'a service may be silent for longer than undici allows, between two words',
    ],
  ]),
  ...inFile('workers-node/run-task.ts', 'test/run-task.test.ts', [
    [
      "error.node !== 'unasked' && report",
      'report',
      'of a node that was not asked nothing is said',
    ],
  ]),
  ...inFile('workers-node/run-task.ts', 'test/files-and-pictures.test.ts', [
    [
      '        outcome.files.push(part.file)\n',
      '',
      'a picture comes back with the answer, and goes along with the next prompt',
    ],
  ]),
  ...inStatement(
    'find-file-handles',
    [
      [
        ' AND h.node_id = $2::uuid',
        ' AND $2::uuid IS NOT NULL',
        'the handles of the files that are asked for, of this node alone',
      ],
      [
        'h.file_id = ANY ($1::uuid[])',
        '$1::uuid[] IS NOT NULL',
        'the handles of the files that are asked for, of this node alone',
      ],
      [
        `now() + ${source('SERVES_FOR')}`,
        'now()',
        'a handle that may expire in the middle of a call is none',
      ],
    ],
    'file-handles',
  ),
  ...inStatement(
    'save-file-handle',
    [
      [
        'SET handle = excluded.handle, expires_at = excluded.expires_at',
        'SET expires_at = excluded.expires_at',
        'a new handle takes the place of the old one',
      ],
    ],
    'file-handles',
  ),
  ...inStatement(
    'finish-tasks-if-held',
    [
      [
        'f.id = made.task_id AND f.fence = made.fence',
        'f.id = made.task_id',
        'a late answer keeps no pictures',
      ],
    ],
    'made-files',
  ),
  ...inStatement(
    'files-in-place',
    [
      [
        "stored.type LIKE 'text/%'",
        'true',
        'text files count by their bytes, as they stand in the prompt; pictures do not',
      ],
      [
        "stored.type LIKE 'text/%'",
        'false',
        'text files count by their bytes, as they stand in the prompt; pictures do not',
      ],
    ],
    'history-of-task',
  ),
]
