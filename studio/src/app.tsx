// The frame: header, views by the address's hash, and the door for those without a key.
import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { Icon, type IconName } from './parts/icon.tsx'
import { ThemeButton } from './parts/theme-button.tsx'
import { credits, facts, key, signOut, start, trouble } from './session.ts'
import { loadTakes } from './takes.ts'
import { HistoryView } from './views/history-view.tsx'
import { SignInView } from './views/sign-in-view.tsx'
import { SpeakView } from './views/speak-view.tsx'

interface View {
  readonly path: string
  readonly title: string
  readonly icon: IconName
  readonly show: () => JSX.Element
}

const VIEWS: readonly View[] = [
  { path: 'speak', title: 'Speak', icon: 'wave', show: () => <SpeakView /> },
  { path: 'history', title: 'History', icon: 'clock', show: () => <HistoryView /> },
]

const path = signal(location.hash.slice(2))
addEventListener('hashchange', () => {
  path.value = location.hash.slice(2)
})

export function App(): JSX.Element {
  useEffect(() => {
    start()
    loadTakes()
  }, [])
  const view = VIEWS.find((candidate) => candidate.path === path.value) ?? VIEWS[0]
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="#/speak">
          <img src="./studio/icon.svg" alt="" width="28" height="28" />
          <span>chatterbox</span>
        </a>
        {key.value !== undefined && (
          <nav class="tabs" aria-label="Views">
            {VIEWS.map(({ path: target, title, icon }) => (
              <a key={target} href={`#/${target}`} aria-current={view?.path === target ? 'page' : undefined}>
                <Icon name={icon} />
                {title}
              </a>
            ))}
          </nav>
        )}
        <div class="account">
          {credits.value !== undefined && (
            <output class="credits" title="Credits of this account, in US dollars">
              ${credits.value.toFixed(2)}
            </output>
          )}
          <a class="quiet" href="docs">
            API
          </a>
          <ThemeButton />
          {key.value !== undefined && (
            <button type="button" class="quiet" onClick={signOut}>
              Sign out
            </button>
          )}
        </div>
      </header>
      {facts.value?.model === 'preview' && <PreviewBanner />}
      <main id="main" tabIndex={-1}>
        {key.value !== undefined ? (
          view?.show()
        ) : facts.value || trouble.value ? (
          <SignInView />
        ) : (
          <p class="loading">Starting…</p>
        )}
      </main>
    </>
  )
}

function PreviewBanner(): JSX.Element {
  return (
    <p class="banner">
      <strong>Preview voice.</strong> This is the embedded stand-in, not Chatterbox. Run{' '}
      <code>chatterbox pull turbo</code> and restart for the real model.
    </p>
  )
}
