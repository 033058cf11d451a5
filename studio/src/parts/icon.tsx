import type { JSX } from 'preact'

const PATHS = {
  wave: 'M4 10v4M8 6v12M12 3v18M16 7v10M20 10v4',
  clock: 'M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z',
  play: 'M7 4.5v15l12-7.5Z',
  pause: 'M8 5v14M16 5v14',
  stop: 'M6 6h12v12H6Z',
  mic: 'M12 15a3.5 3.5 0 0 0 3.5-3.5v-5a3.5 3.5 0 0 0-7 0v5A3.5 3.5 0 0 0 12 15ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  upload: 'M12 16V4M7 9l5-5 5 5M4 17v3h16v-3',
  download: 'M12 4v12M7 11l5 5 5-5M4 17v3h16v-3',
  star: 'm12 3.5 2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9L3.500 9.700l5.900-.8Z',
  trash: 'M4 7h16M9 7V4h6v3M6.500 7l1 13h9l1-13',
  copy: 'M9 9h11v11H9ZM5 15H4V4h11v1',
  dice: 'M4 4h16v16H4ZM8.500 8.500h.01M15.500 8.500h.01M12 12h.01M8.500 15.500h.01M15.500 15.500h.01',
  sliders: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.500v5M9 14.500v5',
  repeat:
    'M4 12a8 8 0 0 1 13.700-5.600L20 8.500M20 4v4.500h-4.500M20 12a8 8 0 0 1-13.700 5.600L4 15.500M4 20v-4.500h4.500',
  sun: 'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM12 2.500v2M12 19.500v2M4.600 4.600 6 6M18 18l1.400 1.400M2.500 12h2M19.500 12h2M4.600 19.400 6 18M18 6l1.400-1.400',
  bars: 'M5 20v-7M12 20V5M19 20v-11',
  list: 'M9 6h11M9 12h11M9 18h11M4 6h.01M4 12h.01M4 18h.01',
  key: 'M14.500 9.500a4.500 4.500 0 1 1-1.300-3.200 4.500 4.500 0 0 1 1.300 3.200ZM13.200 12.700 20 19.500M17 16.500l-2 2',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500Z',
} as const

export type IconName = keyof typeof PATHS

/** Decoration: the text beside it, or the button's label, says what it means. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      aria-hidden="true"
      data-filled={name === 'play' || name === 'stop' ? '' : undefined}
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
