/** The edge API. */
import { admitting } from './admit.ts'
import { createApp } from './app.ts'

const app = createApp(console.log)

export default {
  fetch: admitting((request, env, ctx) => app.fetch(request, env, ctx)),
} satisfies ExportedHandler<ApiEnv>
