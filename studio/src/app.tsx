// The frame: header, views by the address's hash, and the door for those without a key.
import { effect, signal, untracked } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { Icon, type IconName } from './parts/icon.tsx'
import { ThemeButton } from './parts/theme-button.tsx'
import { ToastRegion } from './parts/toast-region.tsx'
import { resumeRunning } from './running.ts'
import { credits, doorMessage, facts, isServerGone, key, noticeRefusal, signOut, start } from './session.ts'
import { loadTakes } from './takes.ts'
import { HistoryView } from './views/history-view.tsx'
import { OperateView } from './views/operate-view.tsx'
import { SignInView } from './views/sign-in-view.tsx'
import { SpeakView } from './views/speak-view.tsx'
import { UsageView } from './views/usage-view.tsx'
import { VoicesView } from './views/voices-view.tsx'
import { loadRecordings, loadServerVoices } from './voices.ts'

interface View {
  readonly path: string
  readonly title: string
  readonly icon: IconName
  readonly show: () => JSX.Element
  /** Only where the server lets its operator in. */
  readonly isForOperator?: true
}

const VIEWS: readonly View[] = [
  { path: 'speak', title: 'Speak', icon: 'wave', show: () => <SpeakView /> },
  { path: 'voices', title: 'Voices', icon: 'mic', show: () => <VoicesView /> },
  { path: 'history', title: 'History', icon: 'clock', show: () => <HistoryView /> },
  { path: 'usage', title: 'Usage', icon: 'bars', show: () => <UsageView /> },
  { path: 'operate', title: 'Operate', icon: 'key', show: () => <OperateView />, isForOperator: true },
]

const path = signal(location.hash.slice(2))
addEventListener('hashchange', () => {
  if (location.hash !== '#main') path.value = location.hash.slice(2)
})

export function App(): JSX.Element {
  useEffect(() => {
    start()
    loadTakes()
    loadRecordings()
    return effect(() => {
      if (key.value === undefined) return
      loadServerVoices(key.value).catch(noticeRefusal)
      untracked(resumeRunning)
    })
  }, [])
  const views = VIEWS.filter(({ isForOperator }) => !isForOperator || facts.value?.operator)
  const view = views.find((candidate) => candidate.path === path.value) ?? views[0]
  const isInside = key.value !== undefined
  useEffect(() => {
    document.title = `${isInside && view ? view.title : 'Studio'} · chatterbox-serverless`
    scrollTo(0, 0)
  }, [view?.path, isInside])

  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="#/speak" aria-label="chatterbox">
          <img src="./studio/icon.svg" alt="" width="28" height="28" />
          <span>chatterbox</span>
        </a>
        {isInside && (
          <nav class="tabs" aria-label="Views">
            {views.map(({ path: target, title, icon }) => (
              <a key={target} href={`#/${target}`} aria-current={view?.path === target ? 'page' : undefined}>
                <Icon name={icon} />
                {title}
              </a>
            ))}
          </nav>
        )}
        <div class="account">
          {credits.value !== undefined && (
            <span class="credits" title="Credits of this account, in US dollars">
              <span class="hidden">Credits: </span>${credits.value.toFixed(2)}
            </span>
          )}
          <a class="quiet" href="docs">
            API
          </a>
          <ThemeButton />
          {isInside && (
            <button type="button" class="quiet" onClick={() => signOut()}>
              Sign out
            </button>
          )}
        </div>
      </header>
      <div role="alert">
        {isServerGone.value && (
          <p class="banner bad">
            <span class="spinner" aria-hidden="true" />
            <span>
              <strong>The server does not answer.</strong> Is <code>chatterbox serve</code> running? Trying again every
              two seconds; nothing here is lost.
            </span>
          </p>
        )}
      </div>
      {facts.value?.model === 'preview' && !isServerGone.value && <PreviewBanner />}
      <main id="main" tabIndex={-1}>
        {isInside ? (
          view?.show()
        ) : facts.value || doorMessage.value ? (
          <SignInView />
        ) : (
          <p class="loading" role="status">
            {isServerGone.value ? 'Waiting for the server…' : 'Starting…'}
          </p>
        )}
      </main>
      <ToastRegion />
    </>
  )
}

function PreviewBanner(): JSX.Element {
  return (
    <aside class="banner" aria-label="About this server">
      <p>
        <strong>Preview voice.</strong> This is the embedded stand-in, not Chatterbox. Run{' '}
        <code>chatterbox pull turbo</code> and restart for the real model.
      </p>
    </aside>
  )
}
