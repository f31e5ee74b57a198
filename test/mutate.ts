import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createVitest, type TestCase, type Vitest } from 'vitest/node'
import { MUTATIONS } from './mutations/index.ts'
import type { Mutation } from './mutations/mutation.ts'
import { copyProject } from './setup/copy-project.ts'

/*
 * `npm run mutate [word]`: takes each guard and each count of the table away, one at a time, in a
 * copy of the project, and demands that the named test goes red. With a word: only the mutations
 * that have it in their file, text or title. Ends with 1 when one survives.
 */

/** SQLSTATE class 42 and its sentences: a statement that is no SQL proves nothing. */
const NO_SQL = /\(42\w{3}\)|syntax error|does not exist|is ambiguous|could not determine data type/

type Verdict = 'killed' | 'survived' | { unsound: string }

async function main(word: string): Promise<void> {
  const chosen = MUTATIONS.filter(({ file, text, title }) =>
    [file, text, title].some((field) => field.includes(word)),
  )
  // Vitest would take no file for all of them.
  if (chosen.length === 0) throw new Error(`no mutation has the word ${word}`)
  const copy = await copyProject()
  // One Vitest for all runs: it starts the services once.
  const vitest = await createVitest('test', { root: copy, watch: false, reporters: [{}] })
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Vitest would exit at once, and leave the services' folders behind.
    process.removeAllListeners(signal)
    process.once(signal, () => {
      interrupted = true
    })
  }
  try {
    await vitest.standalone()
    await demandGreen(vitest, chosen)
    const counts = { killed: 0, survived: 0 }
    for (const mutation of chosen) {
      if (interrupted) break
      const verdict = await mutate(vitest, copy, mutation)
      counts[verdict === 'killed' ? 'killed' : 'survived']++
      report(mutation, verdict)
    }
    if (interrupted) console.log('interrupted')
    console.log(`${counts.killed} killed, ${counts.survived} survived`)
    if (counts.killed < chosen.length) process.exitCode = 1
  } finally {
    await vitest.close()
    await rm(copy, { recursive: true, force: true })
  }
}

/** A test that is red, or is not there, before anything was taken away proves nothing. */
async function demandGreen(vitest: Vitest, mutations: Mutation[]): Promise<void> {
  const tests = await run(vitest, [...new Set(mutations.map(({ test }) => test))])
  for (const { test, title } of mutations) {
    const found = tests.filter((one) => fileOf(one) === test && one.fullName === title)
    if (found.length !== 1) throw new Error(`${test} has ${found.length} tests named: ${title}`)
    if (found[0]!.result().state !== 'passed') {
      throw new Error(`red unmutated: ${title}\n${errorsOf(found[0]!)}`)
    }
  }
  const named = new Set(mutations.map(({ test, title }) => `${test} ${title}`))
  console.log(`${named.size} named tests are green unmutated`)
}

async function mutate(
  vitest: Vitest,
  copy: string,
  { file, text, replacement, test, title }: Mutation,
): Promise<Verdict> {
  const path = join(copy, file)
  const source = await readFile(path, 'utf8')
  const parts = source.split(text)
  if (parts.length !== 2) return { unsound: `the text occurs ${parts.length - 1} times` }
  await writeFile(path, parts.join(replacement))
  vitest.invalidateFile(path)
  try {
    const ran = await run(vitest, [test], title)
    const named = ran[0]
    if (ran.length !== 1 || named?.fullName !== title) {
      return { unsound: `${ran.length} tests ran: does the file still load?` }
    }
    if (named.result().state !== 'failed') return 'survived'
    const errors = errorsOf(named)
    return NO_SQL.test(errors) ? { unsound: `the test says ${errors}` } : 'killed'
  } finally {
    await writeFile(path, source)
    vitest.invalidateFile(path)
  }
}

/** Runs all tests of these files, or only those of a title; gives those that were not skipped. */
async function run(vitest: Vitest, files: string[], title?: string): Promise<TestCase[]> {
  if (title === undefined) vitest.resetGlobalTestNamePattern()
  else vitest.setGlobalTestNamePattern(new RegExp(`^${title.replaceAll(/\W/g, '.')}$`, 's'))
  const specifications = await vitest.globTestSpecifications(files)
  const { testModules } = await vitest.runTestSpecifications(specifications)
  return testModules
    .filter(({ relativeModuleId }) => files.includes(relativeModuleId))
    .flatMap(({ children }) => [...children.allTests()])
    .filter((test) => test.result().state !== 'skipped')
}

function fileOf({ module }: TestCase): string {
  return module.relativeModuleId
}

function errorsOf(test: TestCase): string {
  return (test.result().errors ?? []).map(({ message }) => message).join('; ')
}

function report({ file, text, replacement, title }: Mutation, verdict: Verdict): void {
  const word = verdict === 'killed' ? 'killed  ' : 'SURVIVED'
  const change = `${oneLine(text)} → ${oneLine(replacement) || '(nothing)'}`
  console.log(`${word} ${file}: ${change}\n         by: ${title}`)
  if (typeof verdict === 'object') console.log(`         unsound: ${verdict.unsound}`)
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

await main(process.argv[2] ?? '')
