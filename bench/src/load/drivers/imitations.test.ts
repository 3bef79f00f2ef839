import { describeDriver } from './driver.contract.js'
import { centrifugoImitation, tinodeImitation } from './imitations.fixture.js'

// Their programs come from no registry: on imitations this is about the frames alone. Where CENTRIFUGO_BIN and TINODE_BIN are set, drivers.process.test.ts runs the real ones.
describeDriver('centrifugo', centrifugoImitation)
describeDriver('tinode', tinodeImitation)
