// Runs before anything is installed, and on Node 20: plain JavaScript, nothing imported but Node itself.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** @param {string} sentence */
function refuse(sentence) {
  console.error(sentence)
  process.exit(1)
}

/** @param {string} path relative to the project; the answer is 0 where there is no such file. */
function changedAt(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

const major = Number(process.versions.node.split('.')[0])
if (major < 20) refuse(`Async-Chat needs Node 20 or newer; this is Node ${process.versions.node}.`)

// npm writes node_modules/.package-lock.json last, so an install that was cut short has none.
const installed = changedAt('node_modules/.package-lock.json')
if (installed === 0 || installed < changedAt('package-lock.json')) {
  console.log('installing the packages of package-lock.json (npm ci) …')
  const { status, error } = spawnSync(
    'npm',
    ['ci', '--loglevel=error', '--no-audit', '--no-fund'],
    {
      cwd: root,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    },
  )
  if (error) refuse(`npm ci could not be started: ${error.message}.`)
  if (status !== 0) {
    refuse(
      'npm ci failed, so Async-Chat cannot start; the lines above say why. Try again after that.',
    )
  }
}
