import { effect, signal } from '@preact/signals'
import type { JSX } from 'preact'
import { Icon } from './icon.tsx'

const STORED = 'chatterbox-theme'
const prefersDark = matchMedia('(prefers-color-scheme: dark)')
const chosen = signal(localStorage.getItem(STORED))
const systemIsDark = signal(prefersDark.matches)
prefersDark.addEventListener('change', ({ matches }) => {
  systemIsDark.value = matches
})
const isDark = () => (chosen.value === null ? systemIsDark.value : chosen.value === 'dark')

effect(() => {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light'
})

export function ThemeButton(): JSX.Element {
  const toggle = () => {
    chosen.value = isDark() ? 'light' : 'dark'
    localStorage.setItem(STORED, chosen.value)
  }
  return (
    <button
      type="button"
      class="quiet icon-only"
      onClick={toggle}
      aria-label={isDark() ? 'Use light colours' : 'Use dark colours'}
    >
      <Icon name={isDark() ? 'sun' : 'moon'} />
    </button>
  )
}
