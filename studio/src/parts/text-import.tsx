// A text from a file: chosen, or dropped where it is written.
import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { text } from '../draft.ts'
import { showToast } from '../toast.ts'

const MOST_BYTES = 2 ** 20

/** Puts the file in the place of the draft; what was there can be had back. */
export async function importText(file: File): Promise<void> {
  const before = text.value
  const isText = /\.(txt|md|markdown)$/i.test(file.name) || file.type.startsWith('text/')
  const words = isText && file.size <= MOST_BYTES ? await file.text() : undefined
  if (words === undefined || words.includes('\0')) {
    showToast(`${file.name} is not a text of less than a megabyte.`)
    return
  }
  text.value = words.replaceAll('\r\n', '\n').trim()
  const back = {
    title: 'Undo',
    run: () => {
      text.value = before
    },
  }
  showToast(`The text is that of ${file.name} now.`, before === '' ? undefined : back)
}

export function TextImport(): JSX.Element {
  const picker = useRef<HTMLInputElement>(null)
  return (
    <>
      <button type="button" class="quiet" onClick={() => picker.current?.click()}>
        Open a text
      </button>
      <input
        ref={picker}
        type="file"
        hidden
        accept=".txt,.md,text/plain,text/markdown"
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0]
          if (file) importText(file)
          currentTarget.value = ''
        }}
      />
    </>
  )
}
