// One take: listen, compare, keep, download, do it again, or take it home as code.
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Language } from '../code-samples.ts'
import { DEFAULT_PARAMETERS, parameters, text } from '../draft.ts'
import { takeOver } from '../live-sound.ts'
import { changeTake, compared, removeTake, type Take, toggleCompared } from '../takes.ts'
import { showToast } from '../toast.ts'
import { chooseVoice, isVoiceHere } from '../voices.ts'
import { Code } from './code.tsx'
import { DownloadRow } from './download-row.tsx'
import { Icon } from './icon.tsx'
import { PieceList } from './piece-list.tsx'
import { Waveform } from './waveform.tsx'
import { When } from './when.tsx'

const TITLES: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  top_p: 'top-p',
  top_k: 'top-k',
  min_p: 'min-p',
  repetition_penalty: 'repetition penalty',
}

const DRAWERS = [
  { name: 'download', title: 'Download', icon: 'download' },
  { name: 'pieces', title: 'Pieces', icon: 'list' },
  { name: 'code', title: 'Code', icon: 'copy' },
] as const
/** What is open below the buttons, one at a time. */
type Drawer = (typeof DRAWERS)[number]['name']

export function TakeCard({ take }: { readonly take: Take }): JSX.Element {
  const [language, setLanguage] = useState<Language>('curl')
  const [opened, setOpened] = useState<Drawer>()
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
      <Waveform
        audio={take.audio}
        label={`the take with seed ${take.seed}`}
        seconds={take.audioSeconds}
        findStart={() => takeOver(take.id)}
      />
      <ul class="facts" aria-label="How it was made">
        <li class="chip" title="The same seed, text, voice and delivery give the same sound">
          seed {take.seed}
        </li>
        <li class="voice-of" title={take.voiceName}>
          <Icon name="mic" /> {take.voiceName}
        </li>
        <li>{take.model}</li>
        {take.respokenPiece !== undefined && <li class="chip differs">piece {take.respokenPiece + 1} spoken again</li>}
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
        {take.audioSeconds > 0 && (
          <li title="Seconds of work for a second of speech: below 1 it is faster than it is heard">
            real-time factor {(take.engineSeconds / take.audioSeconds).toFixed(2)}
          </li>
        )}
        {take.firstSoundSeconds !== undefined && <li>first sound after {take.firstSoundSeconds.toFixed(2)} s</li>}
      </ul>
      <div class="actions">
        <button type="button" aria-pressed={letter >= 0} onClick={() => toggleCompared(take.id)}>
          {letter >= 0 ? `Take ${'AB'[letter]}` : 'Compare'}
        </button>
        {DRAWERS.map(({ name, title, icon }) => (
          <button
            key={name}
            type="button"
            aria-expanded={opened === name}
            onClick={() => setOpened(opened === name ? undefined : name)}
          >
            <Icon name={icon} /> {title}
          </button>
        ))}
        <button type="button" onClick={again}>
          <Icon name="repeat" /> Use again
        </button>
        <span class="actions at-end">
          <button
            type="button"
            class="quiet icon-only keep"
            aria-label={take.isKept ? 'Kept' : 'Keep'}
            title={take.isKept ? 'Kept' : 'Keep'}
            aria-pressed={take.isKept}
            onClick={() => changeTake(take.id, { isKept: !take.isKept })}
          >
            <Icon name="star" />
          </button>
          <button
            type="button"
            class="quiet icon-only"
            aria-label="Delete this take"
            title="Delete this take"
            onClick={() => removeTake(take)}
          >
            <Icon name="trash" />
          </button>
        </span>
      </div>
      {opened === 'download' && <DownloadRow take={take} />}
      {opened === 'pieces' && <PieceList take={take} />}
      {opened === 'code' && <Code take={take} language={language} onLanguage={setLanguage} />}
    </article>
  )
}

function differences({ parameters: used }: Take): readonly string[] {
  const changed = Object.entries(TITLES).flatMap(([name, title]) => {
    const value = used[name as keyof typeof used]
    return value === DEFAULT_PARAMETERS[name as keyof typeof used] ? [] : [`${title} ${value}`]
  })
  const choices = [
    ...(used.norm_loudness ? [] : ['loudness as recorded']),
    ...(used.latency === 'low' ? ['first sound sooner'] : []),
  ]
  return [...changed, ...choices]
}
