import { it } from 'vitest'
import { until } from '../../e2e/until.ts'
import { watchStrain } from './strain.ts'

const holdUp = (ms: number) => {
  for (const began = performance.now(); performance.now() - began < ms; );
}

it('is on once this process was held up, and for a while after', async () => {
  const strain = await watchStrain()
  try {
    holdUp(400)
    await until('it is noticed', async () => strain.isOn())
  } finally {
    await strain.stop()
  }
})
