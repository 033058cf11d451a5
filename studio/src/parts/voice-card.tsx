// Choose whose voice speaks: the built-in one, a dropped file, or a recording made here.
import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { BUILT_IN_VOICE, voice } from '../draft.ts'
import { type Recorder, startRecorder } from '../recorder.ts'
import { type Advice, adviseOn } from '../recording-advice.ts'
import { Icon } from './icon.tsx'
import { Waveform } from './waveform.tsx'

export function VoiceCard(): JSX.Element {
  const { name, reference } = voice.value
  const [advice, setAdvice] = useState<readonly Advice[]>([])
  const [isOver, setOver] = useState(false)
  const picker = useRef<HTMLInputElement>(null)

  const take = (file: File | Blob | undefined, fileName: string) => {
    if (!file) return
    setAdvice([])
    voice.value = { name: fileName, reference: file }
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
          <RecordButton onRecorded={(recording) => take(recording, 'My recording')} />
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
      {reference instanceof Blob ? (
        <>
          <p class="voice-name">
            <strong>{name}</strong>
            <button
              type="button"
              class="quiet"
              onClick={() => {
                voice.value = BUILT_IN_VOICE
              }}
            >
              Use the built-in voice
            </button>
          </p>
          <Waveform
            audio={reference}
            label={`the reference ${name}`}
            height={44}
            onReady={(seconds, samples) => setAdvice(adviseOn(samples, seconds))}
          />
          <ul class="advice" aria-live="polite">
            {advice.map(({ kind, text }) => (
              <li key={text} class={kind}>
                {text}
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p class="hint">
          <strong>{name}</strong> speaks. Drop a recording of one person here, 10 to 20 seconds long, to have that voice
          instead. Ask its owner first.
        </p>
      )}
    </section>
  )
}

function RecordButton({ onRecorded }: { readonly onRecorded: (recording: Blob) => void }): JSX.Element {
  const [recorder, setRecorder] = useState<Recorder>()
  const [level, setLevel] = useState(0)
  const [seconds, setSeconds] = useState(0)
  const [problem, setProblem] = useState<string>()

  const begin = async () => {
    setProblem(undefined)
    try {
      setRecorder(
        await startRecorder((loudness, time) => {
          setLevel(loudness)
          setSeconds(time)
        }),
      )
    } catch {
      setProblem('The microphone cannot be used here. Browsers allow it on localhost and https only.')
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
