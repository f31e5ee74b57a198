import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Whether a command ends well within `ms`. */
export async function works(command: string, args: string[], ms = 5000): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return promisify(execFile)(command, args, { timeout: ms, env }).then(
    () => true,
    () => false,
  )
}
