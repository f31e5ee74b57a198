import { expect, test } from 'vitest'
import { attachment } from '../edge/attachment.ts'

test.each([
  ['Plain title', 'Plain title.md', 'Plain%20title.md'],
  ['../../etc/passwd', 'etc passwd.md', 'etc%20passwd.md'],
  ['..', 'conversation.md', 'conversation.md'],
  ['a\r\nX-Evil: 1', 'a X-Evil 1.md', 'a%20X-Evil%201.md'],
  ['a"; filename="b.exe', 'a ; filename= b.exe.md', 'a%20%3B%20filename%3D%20b.exe.md'],
  ['gpj.\u202Eexe', 'gpj. exe.md', 'gpj.%20exe.md'],
  ["it's (50%)*", "it's (50_).md", 'it%27s%20%2850%25%29.md'],
  ['为什么', '___.md', '%E4%B8%BA%E4%BB%80%E4%B9%88.md'],
  ['😀\ud800', '__.md', '%F0%9F%98%80%EF%BF%BD.md'],
  ['x'.repeat(200), `${'x'.repeat(80)}.md`, `${'x'.repeat(80)}.md`],
])('%j is a safe name for a file', (title, ascii, encoded) => {
  const value = attachment(title, 'md')
  expect(value).toBe(`attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`)
  expect(() => new Headers({ 'content-disposition': value })).not.toThrow()
})
