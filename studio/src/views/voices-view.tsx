// The voices that the server keeps for the account, and those it came with: hear, use, add, rename, delete.
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { VoiceBody } from '../../../src/contract/voices.ts'
import { createVoice, deleteVoice, renameVoice } from '../api.ts'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { Field, FormLine, Problem } from '../parts/field.tsx'
import { useVoicePreview } from '../parts/voice-preview.tsx'
import { key, noticeRefusal } from '../session.ts'
import { showToast } from '../toast.ts'
import { chooseVoice, chosenRecording, chosenVoice, loadServerVoices, serverVoices } from '../voices.ts'
import { wordsOf } from '../words-of.ts'

/** Does it with the key, says what came of it, and reads the list again. Whether it worked. */
async function change(done: string, act: (apiKey: string) => Promise<unknown>): Promise<boolean> {
  const apiKey = key.value
  if (apiKey === undefined) return false
  try {
    await act(apiKey)
    await loadServerVoices(apiKey)
    showToast(done)
    return true
  } catch (error) {
    noticeRefusal(error)
    showToast(wordsOf(error))
    return false
  }
}

export function VoicesView(): JSX.Element {
  const [problem, setProblem] = useState<string>()
  useEffect(() => {
    if (key.value === undefined) return
    loadServerVoices(key.value).catch((error: unknown) => {
      noticeRefusal(error)
      setProblem(wordsOf(error))
    })
  }, [])
  const all = serverVoices.value
  const mine = all?.filter(({ is_builtin }) => !is_builtin) ?? []
  return (
    <div class="usage">
      <h1>Voices</h1>
      <AddForm />
      {!all && (
        <p class="loading" role="status">
          {problem ?? 'Looking…'}
        </p>
      )}
      {all && mine.length === 0 && (
        <p class="empty">
          No voice is kept for this account yet. A kept voice is there on every device, and for every program that has
          your key.
        </p>
      )}
      {mine.length > 0 && <h2>Kept for this account</h2>}
      <div class="two">
        {mine.map((voice) => (
          <VoicePanel key={voice.id} voice={voice} />
        ))}
      </div>
      {all && <h2>Came with the server</h2>}
      <div class="two">
        {all
          ?.filter(({ is_builtin }) => is_builtin)
          .map((voice) => (
            <VoicePanel key={voice.id} voice={voice} />
          ))}
      </div>
    </div>
  )
}

function AddForm(): JSX.Element {
  const name = useSignal('')
  const agrees = useSignal(false)
  const [file, setFile] = useState<Blob>()
  const [isSending, setSending] = useState(false)
  const [problem, setProblem] = useState<string>()
  const recording = chosenRecording.value
  const add = async (event: Event) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const audio = file ?? recording?.audio
    const apiKey = key.value
    if (!audio || apiKey === undefined) return
    setSending(true)
    setProblem(undefined)
    try {
      const made = await createVoice(apiKey, name.value.trim(), audio)
      await loadServerVoices(apiKey)
      showToast(made.checks.length === 0 ? `${made.name} is kept: a good recording.` : `${made.name} is kept.`)
      name.value = ''
      agrees.value = false
      setFile(undefined)
      form.reset()
    } catch (error) {
      noticeRefusal(error)
      setProblem(wordsOf(error))
    } finally {
      setSending(false)
    }
  }
  return (
    <form class="card" onSubmit={add} aria-labelledby="add-voice">
      <h2 id="add-voice">Add a voice</h2>
      <div class="inline">
        <Field label="Name" required maxLength={100} of={name} />
        <label>
          <span>Recording{recording && `; without a file “${recording.name}”`}</span>
          <input
            type="file"
            required={recording === undefined}
            accept="audio/*,.wav,.mp3,.m4a,.ogg,.flac,.safetensors"
            onChange={({ currentTarget }) => setFile(currentTarget.files?.[0])}
          />
        </label>
      </div>
      <label class="check">
        <input
          type="checkbox"
          required
          checked={agrees.value}
          onChange={({ currentTarget }) => {
            agrees.value = currentTarget.checked
          }}
        />
        <span>The person who is heard agrees to this use of their voice.</span>
      </label>
      <Problem text={problem} />
      <div>
        <button type="submit" class="primary" disabled={isSending}>
          {isSending && <span class="spinner" aria-hidden="true" />} Keep this voice
        </button>
      </div>
    </form>
  )
}

function VoicePanel({ voice }: { readonly voice: VoiceBody }): JSX.Element {
  const { id, name, description, reference_audio, is_builtin, checks } = voice
  const [isRenaming, setRenaming] = useState(false)
  const newName = useSignal(name)
  const { button, waveform } = useVoicePreview(voice)
  const isUsed = chosenVoice.value.id === reference_audio
  const rename = async () => {
    if (await change('It is renamed.', (apiKey) => renameVoice(apiKey, id, newName.value.trim()))) setRenaming(false)
  }
  return (
    <article class="card" aria-label={`Voice ${name}`}>
      <div class="row">
        <div class="words">
          {isRenaming ? (
            <FormLine submit="Rename" onSubmit={rename}>
              <Field label="New name" required maxLength={100} of={newName} />
            </FormLine>
          ) : (
            <h3 class="cut-line" title={name}>
              {name}
            </h3>
          )}
          {description && <p class="hint">{description}</p>}
        </div>
        <div class="actions">
          <button
            type="button"
            aria-pressed={isUsed}
            aria-label={`${isUsed ? 'In use:' : 'Use'} ${name}`}
            onClick={() => {
              chooseVoice(reference_audio)
              location.hash = '#/speak'
            }}
          >
            {isUsed ? 'In use' : 'Use'}
          </button>
          {button}
          {!is_builtin && !isRenaming && (
            <button
              type="button"
              class="quiet"
              aria-label={`Rename ${name}`}
              onClick={() => {
                newName.value = name
                setRenaming(true)
              }}
            >
              Rename
            </button>
          )}
          {!is_builtin && (
            <ConfirmButton
              verb="Delete"
              what={name}
              onConfirm={() => change(`${name} is deleted.`, (apiKey) => deleteVoice(apiKey, id))}
            />
          )}
        </div>
      </div>
      {checks.length > 0 && (
        <ul class="advice">
          {checks.map(({ kind, advice }) => (
            <li key={kind} class="warning">
              {advice}
            </li>
          ))}
        </ul>
      )}
      {waveform}
    </article>
  )
}
