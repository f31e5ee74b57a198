import { useRef, useState } from 'preact/hooks'
import { sizeOf } from '../file-size.ts'
import { type Attachment, attach, attachments, drop, upload } from '../state/attachments.ts'
import { words } from '../words/words.ts'
import { Icon } from './icon.tsx'
import { useKeptFocus } from './use-kept-focus.ts'

/** The files that go with the next prompt. */
export function Attachments() {
  return (
    <ul
      class="attachments"
      id="attachments"
      aria-label={words.value.attached}
      hidden={attachments.value.length === 0}
    >
      {attachments.value.map((one) => (
        <Chip key={one.key} attachment={one} />
      ))}
    </ul>
  )
}

export function AttachButton() {
  const input = useRef<HTMLInputElement>(null)
  const { attach: name } = words.value
  return (
    <>
      <button
        type="button"
        class="icon attach"
        id="attach"
        aria-label={name}
        title={name}
        onClick={() => input.current?.click()}
      >
        <Icon name="clip" />
      </button>
      <input
        ref={input}
        type="file"
        id="files"
        multiple
        hidden
        onChange={({ currentTarget }) => {
          attach(currentTarget.files ?? [])
          // Else the same file could not be chosen again after it was removed.
          currentTarget.value = ''
        }}
      />
    </>
  )
}

function Chip({ attachment }: { attachment: Attachment }) {
  const { name, bytes, preview, state, source } = attachment
  const root = useRef<HTMLLIElement>(null)
  useKeptFocus(root)
  const say = words.value
  const now = state.value
  const remove = () => {
    drop([attachment])
    // The focus would be left on something that is gone.
    document.getElementById('attach')?.focus()
  }
  return (
    <li ref={root} class="attachment" data-state={now.kind} title={name} tabIndex={-1}>
      <Thumbnail preview={preview} />
      <span class="file-words">
        <span class="file-name">{name}</span>
        <span class="file-size">{sizeOf(bytes)}</span>
        {now.kind === 'failed' && (
          <span class="file-problem" role="alert">
            {now.why(say)}
          </span>
        )}
      </span>
      {now.kind === 'uploading' && (
        <progress value={now.part} max={1} aria-label={say.uploaded(Math.round(now.part * 100))} />
      )}
      {now.kind === 'failed' && source && (
        <button
          type="button"
          class="icon small"
          aria-label={say.uploadAgain(name)}
          onClick={() => upload(attachment)}
        >
          <Icon name="retry" />
        </button>
      )}
      <button type="button" class="icon small" aria-label={say.removeFile(name)} onClick={remove}>
        <Icon name="cross" />
      </button>
    </li>
  )
}

/** An address of the server ends after an hour or more: a draft may be older. */
function Thumbnail({ preview }: { preview: string | null }) {
  const [isBroken, setBroken] = useState(false)
  if (!preview || isBroken) return <Icon name="file" />
  return <img src={preview} alt="" onError={() => setBroken(true)} />
}
