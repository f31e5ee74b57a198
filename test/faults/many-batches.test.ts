import { scenarios } from './many-batches.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
