import { scenarios } from './deaths.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
