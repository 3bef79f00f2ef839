import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.js'
import { registerWorker } from './register-worker.js'
import { profileOf, SessionStore } from './session/session.js'

const root = globalThis.document.getElementById('root')
if (root === null) throw new Error('index.html has an element #root')

const session = new SessionStore(profileOf(globalThis.location.search))
createRoot(root).render(<StrictMode><App session={session} /></StrictMode>)
void session.start()
void registerWorker()
