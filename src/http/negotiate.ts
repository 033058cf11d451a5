// The Accept header → which encoding, and bytes or JSON. It never causes an error.
import { formatOf, OUTPUT_FORMATS, type OutputFormat } from '../contract/speech.ts'

export interface Negotiated {
  readonly format: OutputFormat
  /** Describe the audio in JSON instead of sending it. */
  readonly asJson: boolean
}

interface Preference {
  readonly mediaType: string
  readonly quality: number
}

const FORMATS = Object.keys(OUTPUT_FORMATS) as OutputFormat[]

/**
 * `requested` is the body's `output_format`, which beats Accept for the encoding. JSON is sent only where Accept names it and takes
 * no audio at all: the default of axios names JSON first and a wildcard last, and means bytes.
 */
export function negotiate(accept: string | undefined, requested: OutputFormat | undefined): Negotiated {
  const preferences = parseAccept(accept ?? '')
  const refused = preferences.filter(({ quality }) => quality === 0).map(({ mediaType }) => formatOf(mediaType))
  const wanted = preferences.filter(({ quality }) => quality > 0)
  const isAudio = ({ mediaType }: Preference) => mediaType === '*/*' || mediaType.startsWith('audio/')
  const fallback = FORMATS.find((format) => !refused.includes(format)) ?? 'wav'

  let best: { format: OutputFormat; quality: number } | undefined
  for (const { mediaType, quality } of wanted) {
    const isWildcard = mediaType === '*/*' || mediaType === 'audio/*'
    const format = isWildcard ? fallback : formatOf(mediaType)
    // Strictly better only: the first listed wins a tie.
    if (format && (!best || quality > best.quality)) best = { format, quality }
  }
  return {
    format: requested ?? best?.format ?? fallback,
    asJson: wanted.some(({ mediaType }) => mediaType === 'application/json') && !wanted.some(isAudio),
  }
}

/** Whether Accept asks for server-sent events. */
export const acceptsEvents = (accept: string | undefined): boolean =>
  parseAccept(accept ?? '').some(({ mediaType, quality }) => mediaType === 'text/event-stream' && quality > 0)

function parseAccept(accept: string): Preference[] {
  return accept
    .split(',')
    .map((item) => item.split(';').map((part) => part.trim().toLowerCase()))
    .filter(([mediaType]) => mediaType)
    .map(([mediaType = '', ...parameters]) => {
      const q = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '')
      const quality = q === undefined ? 1 : Number(q)
      // A quality that is no number from 0 to 1 is ignored rather than answered: Accept never causes an error.
      return { mediaType, quality: quality >= 0 && quality <= 1 ? quality : 1 }
    })
}
