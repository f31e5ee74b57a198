import type { IncomingMessage, ServerResponse } from 'node:http'

/** A file that was given to the server ahead of a request. */
export type Uploaded = { name: string | null; type: string; bytes: Buffer; handle: string }

/** How long Google keeps a file. */
const KEPT_MS = 48 * 3_600_000

/**
 * The places where services take files: Google's resumable upload (ai.google.dev/api/files, and its
 * guide ai.google.dev/gemini-api/docs/files), in two requests; and `POST /upload` of the Gemini
 * services of the project's brief. Resolves to whether the request was one for it.
 */
export async function takeUpload(
  incoming: IncomingMessage,
  body: Buffer<ArrayBuffer>,
  response: ServerResponse,
  uploads: Uploaded[],
): Promise<boolean> {
  const { url = '', headers } = incoming
  const json = (answer: unknown, more: Record<string, string> = {}) =>
    response
      .writeHead(200, { 'content-type': 'application/json', ...more })
      .end(JSON.stringify(answer))
  if (url === '/upload') {
    const type = String(headers['content-type'])
    const form = await new Response(body, { headers: { 'content-type': type } }).formData()
    const files = form.getAll('files') as File[]
    const paths: string[] = []
    for (const file of files) {
      const handle = `/srv/uploads/${uploads.length + 1}-${file.name}`
      const bytes = Buffer.from(await file.arrayBuffer())
      uploads.push({ name: file.name, type: file.type, bytes, handle })
      paths.push(handle)
    }
    json({ files: paths })
    return true
  }
  if (url === '/upload/v1beta/files') {
    const type = encodeURIComponent(String(headers['x-goog-upload-header-content-type']))
    json({}, { 'x-goog-upload-url': `http://${headers.host}/upload-session?type=${type}` })
    return true
  }
  if (url.startsWith('/upload-session')) {
    const type = new URL(url, 'http://x').searchParams.get('type')!
    const name = `files/file-${uploads.length + 1}`
    const handle = `https://generativelanguage.googleapis.com/v1beta/${name}`
    uploads.push({ name: null, type, bytes: body, handle })
    json({
      file: {
        name,
        mimeType: type,
        sizeBytes: String(body.length),
        createTime: new Date().toISOString(),
        expirationTime: new Date(Date.now() + KEPT_MS).toISOString(),
        uri: handle,
        state: 'ACTIVE',
        source: 'UPLOADED',
      },
    })
    return true
  }
  return false
}
