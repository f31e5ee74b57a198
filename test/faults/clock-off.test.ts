import { scenarios } from './clock-off.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
