// One take: listen, compare, keep, download, do it again, or take it home as code.
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { codeFor, LANGUAGES, type Language } from '../code-samples.ts'
import { DEFAULT_PARAMETERS, parameters, text } from '../draft.ts'
import { key } from '../session.ts'
import { changeTake, compared, removeTake, type Take, toggleCompared } from '../takes.ts'
import { showToast } from '../toast.ts'
import { chooseVoice, isVoiceHere } from '../voices.ts'
import { Icon } from './icon.tsx'
import { Waveform } from './waveform.tsx'
import { When } from './when.tsx'

const TITLES: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  top_p: 'top-p',
  top_k: 'top-k',
  min_p: 'min-p',
  repetition_penalty: 'repetition penalty',
}

export function TakeCard({ take }: { readonly take: Take }): JSX.Element {
  const [language, setLanguage] = useState<Language>()
  const letter = compared.value.indexOf(take.id)
  const again = () => {
    text.value = take.text
    parameters.value = { ...take.parameters, seed: take.seed }
    if (isVoiceHere(take.voiceId)) chooseVoice(take.voiceId)
    else showToast(`“${take.voiceName}” is no longer there: choose a voice.`)
    location.hash = '#/speak'
    requestAnimationFrame(() => document.getElementById('text')?.focus())
  }
  return (
    <article class="card take" aria-label={`Take with seed ${take.seed}`}>
      <p class="take-text" title={take.text}>
        {take.text}
      </p>
      <Waveform audio={take.audio} label={`the take with seed ${take.seed}`} />
      <ul class="facts" aria-label="How it was made">
        <li class="chip" title="The same seed, text, voice and delivery give the same sound">
          seed {take.seed}
        </li>
        <li class="voice-of" title={take.voiceName}>
          {take.voiceName}
        </li>
        <li>{take.model}</li>
        {differences(take).map((difference) => (
          <li key={difference} class="chip differs">
            {difference}
          </li>
        ))}
        <li>
          <When at={take.createdAt} />
        </li>
        <li>
          {take.audioSeconds.toFixed(1)} s, made in {take.engineSeconds.toFixed(1)} s for ${take.costCredits.toFixed(4)}
        </li>
      </ul>
      <div class="actions">
        <button type="button" aria-pressed={letter >= 0} onClick={() => toggleCompared(take.id)}>
          {letter >= 0 ? `Comparing as ${'AB'[letter]}` : 'Compare'}
        </button>
        <button type="button" aria-pressed={take.isKept} onClick={() => changeTake(take.id, { isKept: !take.isKept })}>
          <Icon name="star" /> {take.isKept ? 'Kept' : 'Keep'}
        </button>
        <Download take={take} />
        <button type="button" onClick={again}>
          <Icon name="repeat" /> Use again
        </button>
        <button
          type="button"
          aria-expanded={language !== undefined}
          onClick={() => setLanguage(language ? undefined : 'curl')}
        >
          <Icon name="copy" /> Code
        </button>
        <button type="button" class="quiet icon-only" aria-label="Delete this take" onClick={() => removeTake(take)}>
          <Icon name="trash" />
        </button>
      </div>
      {language && <Code take={take} language={language} onLanguage={setLanguage} />}
    </article>
  )
}

function differences({ parameters: used }: Take): readonly string[] {
  const changed = Object.entries(TITLES).flatMap(([name, title]) => {
    const value = used[name as keyof typeof used]
    return value === DEFAULT_PARAMETERS[name as keyof typeof used] ? [] : [`${title} ${value}`]
  })
  return used.norm_loudness ? changed : [...changed, 'loudness as recorded']
}

function Download({ take }: { readonly take: Take }): JSX.Element {
  const save = () => {
    const url = URL.createObjectURL(take.audio)
    const link = document.createElement('a')
    link.href = url
    link.download = `take-${take.seed}.wav`
    link.click()
    setTimeout(() => URL.revokeObjectURL(url), 10_000)
  }
  return (
    <button type="button" aria-label="Download as WAV" onClick={save}>
      <Icon name="download" /> WAV
    </button>
  )
}

interface CodeProps {
  readonly take: Take
  readonly language: Language
  readonly onLanguage: (language: Language) => void
}

function Code({ take, language, onLanguage }: CodeProps): JSX.Element {
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
