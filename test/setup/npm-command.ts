/** The command that runs this script of npm, as it was given: what stands in the document that it makes. */
export function npmCommand(script: string): string {
  const given = process.argv.slice(2)
  return [`npm run ${script}`, ...(given.length > 0 ? ['--'] : []), ...given].join(' ')
}
