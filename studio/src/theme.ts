// Light or dark: as the system has it, until somebody chooses.
import { computed, effect, signal } from '@preact/signals'

const STORED = 'chatterbox-theme'
const prefersDark = matchMedia('(prefers-color-scheme: dark)')
const chosen = signal(localStorage.getItem(STORED))
const systemIsDark = signal(prefersDark.matches)
prefersDark.addEventListener('change', ({ matches }) => {
  systemIsDark.value = matches
})

export const theme = computed<'light' | 'dark'>(() => {
  const isDark = chosen.value === null ? systemIsDark.value : chosen.value === 'dark'
  return isDark ? 'dark' : 'light'
})

// Whoever draws by the theme's colours runs after this, which is first.
effect(() => {
  document.documentElement.dataset.theme = theme.value
})

export function toggleTheme(): void {
  chosen.value = theme.value === 'dark' ? 'light' : 'dark'
  localStorage.setItem(STORED, chosen.value)
}
