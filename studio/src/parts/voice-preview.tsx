// The recording of a voice that the server has, fetched when somebody wants to hear it.
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { VoiceBody } from '../../../src/contract/voices.ts'
import { fetchVoicePreview } from '../api.ts'
import { key, noticeRefusal } from '../session.ts'
import { showToast } from '../toast.ts'
import { wordsOf } from '../words-of.ts'
import { Icon } from './icon.tsx'
import { Waveform } from './waveform.tsx'

interface Preview {
  /** Absent where there is nothing to hear, or it is heard already. */
  readonly button: JSX.Element | undefined
  readonly waveform: JSX.Element | undefined
}

/** In two parts, so that each view has the button where its others are. */
export function useVoicePreview({ id, name, preview_url }: VoiceBody): Preview {
  const [audio, setAudio] = useState<Blob>()
  const hear = () =>
    fetchVoicePreview(key.value ?? '', id)
      .then(setAudio)
      .catch((error: unknown) => {
        noticeRefusal(error)
        showToast(wordsOf(error))
      })
  return {
    button:
      preview_url === null || audio ? undefined : (
        <button type="button" aria-label={`Hear ${name}`} onClick={hear}>
          <Icon name="play" /> Hear
        </button>
      ),
    waveform: audio && <Waveform audio={audio} label={`the voice ${name}`} height={40} findStart={() => 0} />,
  }
}
