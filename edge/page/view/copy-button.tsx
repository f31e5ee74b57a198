import { useState } from 'preact/hooks'
import { copyText } from '../copy-text.ts'
import { announce } from '../state/announcer.ts'
import { words } from '../words/words.ts'
import { Icon, type IconName } from './icon.tsx'

const SHOWN_MS = 2000

type Props = { icon: IconName; name: string; of: string; text(): string }

/** Copies a text, and says for a moment that it has. */
export function CopyButton({ icon, name, of, text }: Props) {
  const [isCopied, setCopied] = useState(false)
  const say = words.value
  const copy = async () => {
    const done = await copyText(text())
    announce(({ copied, copyFailed }) => (done ? copied : copyFailed))
    setCopied(done)
    setTimeout(() => setCopied(false), SHOWN_MS)
  }
  return (
    <button
      type="button"
      class="icon small"
      aria-label={say.ofModel(name, of)}
      title={isCopied ? say.copied : name}
      onClick={copy}
    >
      <Icon name={isCopied ? 'done' : icon} />
    </button>
  )
}
