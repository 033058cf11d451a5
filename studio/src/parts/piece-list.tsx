// A take piece by piece: hear one, have one spoken again with another seed, take the subtitles home.
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { PieceDescription } from '../../../src/contract/long-text.ts'
import { fetchPiece, fetchTimings, listPieces } from '../api.ts'
import { respeakPiece } from '../running.ts'
import { saveFile } from '../save-file.ts'
import { facts, key, noticeRefusal } from '../session.ts'
import { fileNameOf, type Take } from '../takes.ts'
import { showToast } from '../toast.ts'
import { wordsOf } from '../words-of.ts'
import { Problem } from './field.tsx'
import { Icon } from './icon.tsx'
import { clock, Waveform } from './waveform.tsx'

export function PieceList({ take }: { readonly take: Take }): JSX.Element {
  const [pieces, setPieces] = useState<readonly PieceDescription[]>()
  const [problem, setProblem] = useState<string>()
  useEffect(() => {
    listPieces(key.value ?? '', take.id)
      .then((list) => setPieces(list.pieces))
      .catch((error: unknown) => {
        noticeRefusal(error)
        setProblem(wordsOf(error))
      })
  }, [take.id])
  const saveSubtitles = async (format: 'srt' | 'vtt') => {
    try {
      saveFile(await fetchTimings(key.value ?? '', take.id, format), fileNameOf(take, format))
    } catch (error) {
      noticeRefusal(error)
      showToast(wordsOf(error))
    }
  }
  return (
    <section class="pieces" aria-label="Pieces of the take">
      <div class="row">
        <h3>{pieces ? `${pieces.length} ${pieces.length === 1 ? 'piece' : 'pieces'}` : 'Pieces'}</h3>
        <span class="actions">
          {(['srt', 'vtt'] as const).map((format) => (
            <button key={format} type="button" onClick={() => saveSubtitles(format)}>
              <Icon name="download" /> {format.toUpperCase()}
            </button>
          ))}
        </span>
      </div>
      <Problem text={problem} />
      {!pieces && !problem && (
        <p class="hint" role="status">
          Looking…
        </p>
      )}
      <ol>
        {pieces?.map((piece) => (
          <PieceRow key={piece.index} take={take} piece={piece} isOnly={pieces.length === 1} />
        ))}
      </ol>
    </section>
  )
}

interface RowProps {
  readonly take: Take
  readonly piece: PieceDescription
  readonly isOnly: boolean
}

function PieceRow({ take, piece, isOnly }: RowProps): JSX.Element {
  const [audio, setAudio] = useState<Blob>()
  const number = piece.index + 1
  const price = ([...piece.text].length * (facts.value?.price_per_1000_characters ?? 0)) / 1000
  const attempt = (act: () => Promise<unknown>) =>
    act().catch((error: unknown) => {
      noticeRefusal(error)
      showToast(wordsOf(error))
    })
  return (
    <li>
      <p>{piece.text}</p>
      {audio && <Waveform audio={audio} label={`piece ${number}`} height={36} findStart={() => 0} />}
      <div class="row">
        <span class="hint">
          {piece.start_seconds !== undefined && `at ${clock(piece.start_seconds)} · `}
          {piece.duration_seconds !== undefined && `${piece.duration_seconds.toFixed(1)} s`}
          {piece.seed !== take.seed && ` · seed ${piece.seed}`}
        </span>
        <span class="actions">
          {piece.audio_url && !audio && (
            <button
              type="button"
              aria-label={`Play piece ${number}`}
              onClick={() => attempt(async () => setAudio(await fetchPiece(piece.audio_url ?? '')))}
            >
              <Icon name="play" /> Play
            </button>
          )}
          {!isOnly && (
            <button
              type="button"
              aria-label={`Another reading, $${price.toFixed(4)}, of piece ${number}`}
              onClick={() => attempt(() => respeakPiece(take, piece.index))}
            >
              <Icon name="dice" /> Another reading, ${price.toFixed(4)}
            </button>
          )}
        </span>
      </div>
    </li>
  )
}
