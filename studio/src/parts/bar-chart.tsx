// A bar for each of some names in a row, with a scale; as a table for those who do not see it.
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

export interface Bar {
  readonly name: string
  readonly value: number
}

interface Props {
  readonly bars: readonly Bar[]
  readonly show: (value: number) => string
  /** Shortest scale. 4 where values are counts: its lines are whole numbers. */
  readonly least: number
  readonly label: string
}

const HEIGHT = 240
/** For a figure of the scale, by its letters. */
const LETTER_WIDTH = 8
const BESIDE = 12
const LABEL_WIDTH = 90
const BELOW = 26
const ABOVE = 12
const LINES = 4

/** The next number of which a quarter can be read: 4, 8, 12, 20, 40 … and their tenths. */
function roundUp(value: number, least: number): number {
  const wanted = Math.max(value, least)
  const power = 10 ** Math.floor(Math.log10(wanted))
  return power * ([1.2, 2, 4, 8, 12].find((factor) => factor * power >= wanted * 0.999) ?? 20)
}

const monthAndDay = (day: string): string =>
  new Date(`${day}T00:00:00Z`).toLocaleDateString('en', { month: 'short', day: 'numeric', timeZone: 'UTC' })

export function BarChart({ bars, show, least, label }: Props): JSX.Element {
  const figure = useRef<HTMLElement>(null)
  const [width, setWidth] = useState(900)
  useEffect(() => {
    // Drawn in the window's own pixels, so that text has the size of text on a phone as well.
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(200, entry?.contentRect.width ?? 0)))
    if (figure.current) observer.observe(figure.current)
    return () => observer.disconnect()
  }, [])
  const top = roundUp(Math.max(...bars.map(({ value }) => value)), least)
  const lines = Array.from({ length: LINES + 1 }, (_, index) => (top * index) / LINES)
  const left = BESIDE + LETTER_WIDTH * Math.max(...lines.map((value) => show(value).length))
  const y = (value: number): number => ABOVE + (HEIGHT - ABOVE - BELOW) * (1 - value / top)
  const step = (width - left) / bars.length
  const labelled = Math.ceil((bars.length * LABEL_WIDTH) / (width - left))
  return (
    <figure class="chart" ref={figure}>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
        {lines.map((value) => (
          <g key={value}>
            <line x1={left} x2={width} y1={y(value)} y2={y(value)} class="line" />
            <text x={left - 10} y={y(value) + 4} text-anchor="end">
              {show(value)}
            </text>
          </g>
        ))}
        {bars.map(({ name, value }, index) => {
          const x = left + index * step
          return (
            <g key={name}>
              {value > 0 && (
                <rect
                  x={x + step * 0.15}
                  width={step * 0.7}
                  y={Math.min(y(value), y(0) - 2)}
                  height={Math.max(2, y(0) - y(value))}
                  rx={Math.min(3, step * 0.2)}
                >
                  <title>{`${monthAndDay(name)}: ${show(value)}`}</title>
                </rect>
              )}
              {(bars.length - 1 - index) % labelled === 0 && (
                // The last one ends where its bar does, so that nothing of it is cut off.
                <text
                  x={index === bars.length - 1 ? x + step : x + step / 2}
                  y={HEIGHT - 6}
                  text-anchor={index === bars.length - 1 ? 'end' : 'middle'}
                >
                  {monthAndDay(name)}
                </text>
              )}
            </g>
          )
        })}
      </svg>
      <figcaption class="hidden">
        {label}:{' '}
        {bars
          .filter(({ value }) => value > 0)
          .map(({ name, value }) => `${monthAndDay(name)}: ${show(value)}`)
          .join('; ') || 'nothing'}
      </figcaption>
    </figure>
  )
}
