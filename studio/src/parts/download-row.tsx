// A take as a file in any format. WAV is here already; the others are made by the server of the same sound, free of charge.
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { fetchAudio, Refusal } from '../api.ts'
import { saveFile } from '../save-file.ts'
import { key, noticeRefusal } from '../session.ts'
import { fileNameOf, type Take } from '../takes.ts'
import { showToast } from '../toast.ts'

const FORMATS = [
  { format: 'wav', title: 'WAV', hint: 'as it was made' },
  { format: 'mp3', title: 'MP3', hint: 'for everything' },
  { format: 'ogg', title: 'Ogg Opus', hint: 'smallest' },
  { format: 'flac', title: 'FLAC', hint: 'lossless' },
  { format: 'pcm', title: 'PCM', hint: 'raw, 24 kHz' },
] as const
type Format = (typeof FORMATS)[number]['format']

export function DownloadRow({ take }: { readonly take: Take }): JSX.Element {
  const [making, setMaking] = useState<Format>()
  const save = async (format: Format) => {
    setMaking(format)
    try {
      const file = format === 'wav' ? take.audio : await fetchAudio(key.value ?? '', take.id, format)
      saveFile(file, fileNameOf(take, format))
    } catch (error) {
      noticeRefusal(error)
      showToast(
        error instanceof Refusal && error.status === 404
          ? 'The server no longer keeps this take. It can still be had as WAV.'
          : error instanceof Error
            ? error.message
            : String(error),
      )
    } finally {
      setMaking(undefined)
    }
  }
  return (
    <fieldset class="formats" aria-label="Format of the file">
      {FORMATS.map(({ format, title, hint }) => (
        <button key={format} type="button" class="format" disabled={making !== undefined} onClick={() => save(format)}>
          <strong>
            {making === format && <span class="spinner" aria-hidden="true" />}
            <span>
              <span class="hidden">Download as </span>
              {title}
            </span>
          </strong>
          <small>{hint}</small>
        </button>
      ))}
    </fieldset>
  )
}
