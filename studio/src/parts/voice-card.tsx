// Choose whose voice speaks: the built-in one, a dropped file, a recording made here, or one of those used before.
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Recorder, startRecorder } from '../recorder.ts'
import { type Advice, adviseOn } from '../recording-advice.ts'
import { showToast } from '../toast.ts'
import {
  addRecording,
  BUILT_IN_NAME,
  chooseVoice,
  chosenRecording,
  chosenServerVoice,
  chosenVoice,
  forgetRecording,
  type Recording,
  recordings,
  serverVoices,
} from '../voices.ts'
import { Icon } from './icon.tsx'
import { Waveform } from './waveform.tsx'

const MOST_BYTES = 20 * 2 ** 20

export function VoiceCard(): JSX.Element {
  const chosen = chosenRecording.value
  const kept = chosenServerVoice.value
  const offered = (serverVoices.value ?? []).filter((voice) => !voice.is_builtin || voice === kept)
  const [isOver, setOver] = useState(false)
  const [problem, setProblem] = useState<string>()
  const picker = useRef<HTMLInputElement>(null)

  const take = async (file: Blob | undefined, name: string) => {
    if (!file) return
    setProblem(problemOf(file, name))
    if (problemOf(file, name) === undefined) await addRecording(file, name)
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
        accept="audio/*,.wav,.mp3,.m4a,.ogg,.flac,.safetensors"
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0]
          take(file, file?.name ?? '')
          currentTarget.value = ''
        }}
      />
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {(recordings.value.length > 0 || offered.length > 0) && (
        <fieldset class="voices" aria-label="Whose voice">
          <VoiceButton id={undefined} name={BUILT_IN_NAME} />
          {recordings.value.map(({ id, name }) => (
            <VoiceButton key={id} id={id} name={name} />
          ))}
          {offered.map(({ reference_audio, name }) => (
            <VoiceButton key={reference_audio} id={reference_audio} name={name} />
          ))}
        </fieldset>
      )}
      {chosen ? (
        <ChosenRecording key={chosen.id} recording={chosen} />
      ) : kept ? (
        <p class="hint">
          <strong>{kept.name}</strong> speaks. {kept.description ?? 'The server keeps this voice.'}
        </p>
      ) : (
        <p class="hint">
          The <strong>built-in voice</strong> speaks. Drop a recording of one person here, 10 to 20 seconds long, to
          have that voice instead. Ask its owner first. <a href="#/voices">More voices</a>
        </p>
      )}
    </section>
  )
}

function VoiceButton({ id, name }: { readonly id: string | undefined; readonly name: string }): JSX.Element {
  return (
    <button type="button" aria-pressed={chosenVoice.value.id === id} title={name} onClick={() => chooseVoice(id)}>
      <span class="cut">{name}</span>
    </button>
  )
}

function problemOf({ size }: Blob, name: string): string | undefined {
  if (size === 0) return `${name} is empty.`
  if (size > MOST_BYTES) return `${name} is ${(size / 2 ** 20).toFixed(0)} MB. 20 seconds of speech are enough.`
  return undefined
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
          Forget it
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
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  )
}
