import { works } from './works.ts'

const INSTALL_MS = 300_000

/**
 * Installs a program by brew, or by apt-get as root or with passwordless sudo, saying what it does.
 * Resolves to whether `isThere` holds afterwards.
 */
export async function installPackage(
  names: { apt: string; brew: string },
  isThere: () => boolean | Promise<boolean>,
  say: (line: string) => void,
): Promise<boolean> {
  for (const [command, ...args] of await installers(names)) {
    say(`installing ${names.apt}: ${command} ${args.join(' ')}`)
    await works(command!, args, INSTALL_MS)
    if (await isThere()) return true
  }
  return false
}

/** The commands to try, in order: the package lists are fetched only where they prove to be old. */
async function installers(names: { apt: string; brew: string }): Promise<string[][]> {
  if (await works('brew', ['--version'])) return [['brew', 'install', names.brew]]
  if (!(await works('apt-get', ['--version']))) return []
  const root = process.getuid?.() === 0
  if (!root && !(await works('sudo', ['-n', 'true']))) return []
  const prefix = root ? [] : ['sudo', '-n']
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', names.apt]
  return [install, ['apt-get', 'update'], install].map((command) => [...prefix, ...command])
}
