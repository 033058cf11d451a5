// A take as code to copy, in three languages.
import type { JSX } from 'preact'
import { codeFor, LANGUAGES, type Language } from '../code-samples.ts'
import { key } from '../session.ts'
import type { Take } from '../takes.ts'
import { showToast } from '../toast.ts'
import { Icon } from './icon.tsx'

interface CodeProps {
  readonly take: Take
  readonly language: Language
  readonly onLanguage: (language: Language) => void
}

export function Code({ take, language, onLanguage }: CodeProps): JSX.Element {
  const code = codeFor(take, language, document.baseURI)
  return (
    <div class="code">
      <div class="row">
        <fieldset aria-label="Language" class="actions">
          {LANGUAGES.map((name) => (
            <button key={name} type="button" aria-pressed={name === language} onClick={() => onLanguage(name)}>
              {name}
            </button>
          ))}
        </fieldset>
        <span class="actions">
          <button
            type="button"
            class="quiet"
            onClick={() => copy(key.value ?? '', 'The key is copied. Keep it secret.')}
          >
            Copy my key
          </button>
          <button type="button" onClick={() => copy(code, 'The code is copied.')}>
            <Icon name="copy" /> Copy code
          </button>
        </span>
      </div>
      {take.respokenPiece !== undefined && (
        <p class="hint">
          This makes the take as it was before piece {take.respokenPiece + 1} was spoken again. The API does that with{' '}
          <code>/pieces/{take.respokenPiece}/regenerate</code>.
        </p>
      )}
      {/* Scrolls sideways, so the keyboard must reach it. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region */}
      <pre tabIndex={0}>{code}</pre>
    </div>
  )
}

/** The clipboard's own interface is for pages with a certificate or on localhost; elsewhere an old command still does it. */
async function copy(words: string, done: string): Promise<void> {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(words)
    else if (!copyBySelection(words)) throw new Error('refused')
    showToast(done)
  } catch {
    showToast('This browser does not let pages copy. Select the code and copy it yourself.')
  }
}

function copyBySelection(words: string): boolean {
  const area = document.createElement('textarea')
  area.value = words
  area.className = 'hidden'
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  return isCopied
}
