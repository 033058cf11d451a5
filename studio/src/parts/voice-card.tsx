// Choose whose voice speaks: a dropped file, a recording made here, one of those used before, or one that the server has.
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { VoiceBody } from '../../../src/contract/voices.ts'
import { type Recorder, startRecorder } from '../recorder.ts'
import { type Advice, adviseOn } from '../recording-advice.ts'
import { showToast } from '../toast.ts'
import {
  addRecording,
  chooseVoice,
  chosenRecording,
  chosenServerVoice,
  chosenVoice,
  forgetRecording,
  type Recording,
  recordings,
  serverVoices,
} from '../voices.ts'
import { Problem } from './field.tsx'
import { Icon } from './icon.tsx'
import { useVoicePreview } from './voice-preview.tsx'
import { Waveform } from './waveform.tsx'

const MOST_BYTES = 20 * 2 ** 20
const FILE_NAMES = '.wav,.mp3,.m4a,.mp4,.ogg,.opus,.flac,.webm,.safetensors'

export function VoiceCard(): JSX.Element {
  const chosen = chosenRecording.value
  const kept = chosenServerVoice.value
  const [isOver, setOver] = useState(false)
  const [problem, setProblem] = useState<string>()
  const picker = useRef<HTMLInputElement>(null)

  const take = async (file: Blob | undefined, name: string) => {
    if (!file) return
    setProblem(problemOf(file, name))
    if (problemOf(file, name) === undefined) await addRecording(file, name)
  }
  const choose = (id: string) => {
    setProblem(undefined)
    chooseVoice(id)
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    const file = event.dataTransfer?.files[0]
    take(file, file?.name ?? '')
  }

  return (
    <section
      class="card voice"
      data-over={isOver ? '' : undefined}
      aria-labelledby="voice-title"
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <div class="row">
        <h2 id="voice-title">Voice</h2>
        <div class="actions">
          <button type="button" onClick={() => picker.current?.click()}>
            <Icon name="upload" /> Choose a file
          </button>
          <RecordButton
            onRecorded={(recording) =>
              take(recording, `Recording ${new Date().toLocaleTimeString('en-GB', { timeStyle: 'short' })}`)
            }
          />
        </div>
      </div>
      <input
        ref={picker}
        type="file"
        hidden
        accept={`audio/*,${FILE_NAMES}`}
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0]
          take(file, file?.name ?? '')
          currentTarget.value = ''
        }}
      />
      <Problem text={problem} />
      <fieldset class="voices" aria-label="Whose voice">
        {recordings.value.map(({ id, name }) => (
          <VoiceButton key={id} id={id} name={name} isOwn onChoose={choose} />
        ))}
        {serverVoices.value?.map(({ reference_audio, name, is_builtin }) => (
          <VoiceButton key={reference_audio} id={reference_audio} name={name} isOwn={!is_builtin} onChoose={choose} />
        ))}
      </fieldset>
      {chosen ? (
        <ChosenRecording key={chosen.id} recording={chosen} />
      ) : (
        kept && <ChosenServerVoice key={kept.id} voice={kept} />
      )}
      {recordings.value.length === 0 && (
        <p class="hint">
          For a voice of your own drop, choose or record one person speaking, 10 to 20 seconds long. Ask that person
          first.
        </p>
      )}
    </section>
  )
}

interface VoiceButtonProps {
  readonly id: string
  readonly name: string
  /** Not one of those that came with the server. */
  readonly isOwn: boolean
  readonly onChoose: (id: string) => void
}

function VoiceButton({ id, name, isOwn, onChoose }: VoiceButtonProps): JSX.Element {
  return (
    <button type="button" aria-pressed={chosenVoice.value.id === id} title={name} onClick={() => onChoose(id)}>
      {isOwn && <Icon name="mic" />}
      <span class="cut">{name}</span>
    </button>
  )
}

function problemOf({ size, type }: Blob, name: string): string | undefined {
  const isKnown = /^(audio|video)\//.test(type) || FILE_NAMES.split(',').some((end) => name.toLowerCase().endsWith(end))
  if (size === 0) return `${name} is empty.`
  if (!isKnown) return `${name} is no recording. WAV, MP3, FLAC, Ogg and WebM work.`
  if (size > MOST_BYTES) return `${name} is ${(size / 2 ** 20).toFixed(0)} MB. 20 seconds of speech are enough.`
  return undefined
}

function ChosenServerVoice({ voice }: { readonly voice: VoiceBody }): JSX.Element {
  const { button, waveform } = useVoicePreview(voice)
  return (
    <>
      <div class="row">
        <p class="hint">{voice.description ?? 'The server keeps this voice for your account.'}</p>
        {button}
      </div>
      {waveform}
    </>
  )
}

function ChosenRecording({ recording }: { readonly recording: Recording }): JSX.Element {
  const [advice, setAdvice] = useState<readonly Advice[]>([])
  const isEncoded = recording.name.endsWith('.safetensors')
  const forget = () => {
    forgetRecording(recording.id)
    showToast('The recording is deleted from this browser.', {
      title: 'Undo',
      run: () => addRecording(recording.audio, recording.name),
    })
  }
  return (
    <>
      {isEncoded ? (
        <p class="hint">An encoded voice. It speaks with the model that it was made for.</p>
      ) : (
        <Waveform
          audio={recording.audio}
          label={`the recording ${recording.name}`}
          height={44}
          onReady={(seconds, samples) => setAdvice(adviseOn(samples, seconds))}
        />
      )}
      <div class="row">
        <ul class="advice" aria-live="polite">
          {advice.map(({ kind, text }) => (
            <li key={text} class={kind}>
              {text}
            </li>
          ))}
        </ul>
        <button type="button" class="quiet" onClick={forget}>
          <Icon name="trash" /> Forget it
        </button>
      </div>
    </>
  )
}

function RecordButton({ onRecorded }: { readonly onRecorded: (recording: Blob) => void }): JSX.Element {
  const [recorder, setRecorder] = useState<Recorder>()
  const [level, setLevel] = useState(0)
  const [seconds, setSeconds] = useState(0)
  const [problem, setProblem] = useState<string>()
  useEffect(() => () => recorder?.cancel(), [recorder]) // not on after the view has been left

  const begin = async () => {
    setProblem(undefined)
    setSeconds(0)
    try {
      setRecorder(
        await startRecorder((loudness, time) => {
          setLevel(loudness)
          setSeconds(time)
        }),
      )
    } catch {
      setProblem(
        isSecureContext
          ? 'The microphone cannot be used: there is none, or the browser was told not to allow it.'
          : 'Browsers allow the microphone on localhost and on https pages only.',
      )
    }
  }
  const finish = async () => {
    const recording = await recorder?.finish()
    setRecorder(undefined)
    if (recording) onRecorded(recording)
  }

  return (
    <>
      {recorder ? (
        <button type="button" class="recording" onClick={finish} style={{ '--level': level.toFixed(2) }}>
          <Icon name="stop" /> Stop at {seconds.toFixed(0)} s
        </button>
      ) : (
        <button type="button" onClick={begin}>
          <Icon name="mic" /> Record
        </button>
      )}
      <Problem text={problem} />
    </>
  )
}
