// Preloaded into a process of the product: modules are replaced as CHAOS_REPLACE says. The product itself has no switch for it.
import { register } from 'node:module'

register('./replace-modules.js', import.meta.url)
