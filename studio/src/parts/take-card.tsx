// One take: listen, compare, keep, download, do it again, or take it home as code.
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type WaveSurfer from 'wavesurfer.js'
import { codeFor, LANGUAGES, type Language } from '../code-samples.ts'
import { DEFAULT_PARAMETERS, parameters, text } from '../draft.ts'
import { changeTake, compared, removeTake, type Take, toggleCompared } from '../takes.ts'
import { Icon } from './icon.tsx'
import { Waveform } from './waveform.tsx'

interface Props {
  readonly take: Take
  readonly onPlayer?: (player: WaveSurfer | undefined) => void
}

export function TakeCard({ take, onPlayer }: Props): JSX.Element {
  const [language, setLanguage] = useState<Language>()
  const letter = compared.value.indexOf(take.id)
  const differing = Object.entries(take.parameters).filter(
    ([name, value]) => name !== 'seed' && DEFAULT_PARAMETERS[name as keyof typeof DEFAULT_PARAMETERS] !== value,
  )
  const again = () => {
    text.value = take.text
    parameters.value = { ...take.parameters, seed: take.seed }
    location.hash = '#/speak'
    document.getElementById('text')?.focus()
  }
  return (
    <article class="card take" aria-label={`Take with seed ${take.seed}`}>
      <p class="take-text">{take.text}</p>
      <Waveform audio={take.audio} label={`the take with seed ${take.seed}`} {...(onPlayer ? { onPlayer } : {})} />
      <p class="facts">
        <span title="The same seed, text, voice and parameters give the same sound">seed {take.seed}</span>
        <span>{take.voiceName}</span>
        <span>{take.model}</span>
        {differing.map(([name, value]) => (
          <span key={name} class="differs">
            {name} {String(value)}
          </span>
        ))}
        <span>
          made in {take.engineSeconds.toFixed(1)} s for ${take.costCredits.toFixed(4)}
        </span>
        {take.guards.length > 0 && <span class="differs">{take.guards.join(', ')}</span>}
      </p>
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
        <button type="button" class="quiet icon-only" aria-label="Delete this take" onClick={() => removeTake(take.id)}>
          <Icon name="trash" />
        </button>
      </div>
      {language && <Code take={take} language={language} onLanguage={setLanguage} />}
    </article>
  )
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
    <button type="button" onClick={save}>
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
        <button type="button" onClick={() => navigator.clipboard?.writeText(code)}>
          <Icon name="copy" /> Copy
        </button>
      </div>
      {/* Scrolls sideways, so the keyboard must reach it. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region */}
      <pre tabIndex={0}>{code}</pre>
    </div>
  )
}
