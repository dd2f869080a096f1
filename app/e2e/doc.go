// Package e2e tests the program as a person uses it: the real window on a display without a screen, with the real pointer
// and keyboard. The tests carry the build tag e2e. They look at the window through the socket of package drive, and wait
// for what they see, never for a time to pass.
//
// GATEHOUSE_E2E names the program to test, built with the tags e2e and migrated_fynedo. GATEHOUSE_SHOTS names a folder
// for screenshots; without it they go where the test's other files go.
package e2e
