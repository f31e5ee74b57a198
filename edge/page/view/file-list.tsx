import type { File } from '../../../drizzle/contract/http-api.ts'
import { sizeOf } from '../file-size.ts'

/** The files of a prompt or of an answer: pictures are shown, others are links. */
export function FileList({ files, label }: { files: readonly File[]; label: string }) {
  if (files.length === 0) return null
  return (
    <ul class="files" aria-label={label}>
      {files.map((file) => (
        <li key={file.file_id}>
          <FileLink file={file} />
        </li>
      ))}
    </ul>
  )
}

function FileLink({ file: { name, type, bytes, url } }: { file: File }) {
  const text = (
    <>
      <span class="file-name">{name}</span>
      <span class="file-size">{sizeOf(bytes)}</span>
    </>
  )
  if (url === null) return <span class="file">{text}</span>
  if (!type.startsWith('image/')) {
    return (
      <a class="file" href={url} download={name}>
        {text}
      </a>
    )
  }
  return (
    <a class="picture" href={url} target="_blank" rel="noreferrer" title={name}>
      <img src={url} alt={name} loading="lazy" />
    </a>
  )
}
