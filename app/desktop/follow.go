package desktop

import (
	"cmp"
	"context"
	"fmt"

	"gatehouse/app/demo"
	"gatehouse/app/onboard"
	"gatehouse/gateway"
	"gatehouse/gateway/objects"
)

// follow makes the Sync documents that a device wants to follow and that are not there yet, in its own service. Those of the ready-made kinds begin
// with what these understand, others empty.
func follow(ctx context.Context, g *gateway.Gateway, deviceSID string, documents []string) error {
	device, _ := g.Registry().Device(deviceSID)
	deployment, found := g.Registry().Deployment(device.DeploymentSID)
	if !found || deployment.ServiceSID == "" {
		return onboard.Problem("The device is not deployed to a Sync service: deploy it on the tab Identity first.")
	}
	for _, name := range documents {
		content := cmp.Or(demo.Documents[name], "{}")
		_, err := g.Objects().Create(ctx, objects.System(), deployment.ServiceSID, objects.Document, objects.NewObject{UniqueName: name, Data: []byte(content)})
		if err != nil && objects.KindOf(err) != objects.Exists {
			return fmt.Errorf("making the document %s: %w", name, err)
		}
	}
	return nil
}
