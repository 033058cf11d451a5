// One recording or take: its waveform, play and pause, and the place in it. Only one sounds at a time.
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import WaveSurfer from 'wavesurfer.js'
import { Icon } from './icon.tsx'

interface Props {
  readonly audio: Blob
  /** What is heard, for screen readers. */
  readonly label: string
  readonly height?: number
  /** When the sound has been decoded. */
  readonly onReady?: (seconds: number, samples: Float32Array) => void
  readonly onPlayer?: (player: WaveSurfer | undefined) => void
}

let sounding: WaveSurfer | undefined

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

export const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}.${Math.floor((seconds % 1) * 10)}`

export function Waveform({ audio, label, height = 52, onReady, onPlayer }: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null)
  const player = useRef<WaveSurfer>(undefined)
  const [isPlaying, setPlaying] = useState(false)
  const [at, setAt] = useState(0)
  const [duration, setDuration] = useState(0)
  const [problem, setProblem] = useState(false)

  useEffect(() => {
    if (!box.current) return
    const surfer = WaveSurfer.create({
      container: box.current,
      height,
      barWidth: 2,
      barGap: 1.5,
      barRadius: 2,
      cursorWidth: 2,
      barHeight: 1.6,
      waveColor: colour('--wave'),
      progressColor: colour('--accent'),
      cursorColor: colour('--ink'),
    })
    player.current = surfer
    surfer.on('ready', (seconds) => {
      setDuration(seconds)
      const samples = surfer.getDecodedData()?.getChannelData(0)
      if (samples) onReady?.(seconds, samples)
    })
    surfer.on('play', () => {
      if (sounding && sounding !== surfer) sounding.pause()
      sounding = surfer
      setPlaying(true)
    })
    surfer.on('pause', () => setPlaying(false))
    surfer.on('finish', () => setPlaying(false))
    surfer.on('timeupdate', setAt)
    surfer.on('error', () => setProblem(true))
    surfer.loadBlob(audio).catch(() => setProblem(true))
    onPlayer?.(surfer)
    return () => {
      onPlayer?.(undefined)
      if (sounding === surfer) sounding = undefined
      surfer.destroy()
    }
  }, [audio, height])

  const toggle = () => player.current?.playPause()
  const seek = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    player.current?.skip(step)
  }

  return (
    <div class="waveform">
      <button
        type="button"
        class="round"
        onClick={toggle}
        onKeyDown={seek}
        aria-label={`${isPlaying ? 'Pause' : 'Play'} ${label}`}
      >
        <Icon name={isPlaying ? 'pause' : 'play'} />
      </button>
      <div class="wave" ref={box} aria-hidden="true" />
      <span class="clock">{problem ? 'cannot be played here' : `${clock(at)} / ${clock(duration)}`}</span>
    </div>
  )
}
