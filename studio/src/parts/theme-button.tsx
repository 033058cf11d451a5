import type { JSX } from 'preact'
import { theme, toggleTheme } from '../theme.ts'
import { Icon } from './icon.tsx'

export function ThemeButton(): JSX.Element {
  const isDark = theme.value === 'dark'
  return (
    <button
      type="button"
      class="quiet icon-only"
      onClick={toggleTheme}
      aria-label={isDark ? 'Use light colours' : 'Use dark colours'}
    >
      <Icon name={isDark ? 'sun' : 'moon'} />
    </button>
  )
}
