// Prints, as JSON, what the published Go modules say of CRI and of containerd's events: services, messages, enums.
package main

import (
	"encoding/json"
	"os"

	"github.com/containerd/containerd/api/events"
	eventsv1 "github.com/containerd/containerd/api/services/events/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/protobuf/reflect/protoreflect"
	runtimev1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

type field struct {
	Name       string `json:"name"`
	Number     int    `json:"number"`
	Kind       string `json:"kind"`
	TypeName   string `json:"typeName"`
	Repeated   bool   `json:"repeated"`
	MapKey     string `json:"mapKey"`
}

type method struct {
	Request         string `json:"request"`
	Response        string `json:"response"`
	RequestStreams  bool   `json:"requestStreams"`
	ResponseStreams bool   `json:"responseStreams"`
}

type description struct {
	Messages map[string]map[string]field  `json:"messages"`
	Enums    map[string]map[string]int    `json:"enums"`
	Services map[string]map[string]method `json:"services"`
}

func main() {
	all := description{map[string]map[string]field{}, map[string]map[string]int{}, map[string]map[string]method{}}
	files := []protoreflect.FileDescriptor{
		(&runtimev1.VersionRequest{}).ProtoReflect().Descriptor().ParentFile(),
		(&eventsv1.SubscribeRequest{}).ProtoReflect().Descriptor().ParentFile(),
		(&types.Envelope{}).ProtoReflect().Descriptor().ParentFile(),
		(&events.TaskExit{}).ProtoReflect().Descriptor().ParentFile(),
		(&events.ContainerDelete{}).ProtoReflect().Descriptor().ParentFile(),
		(&events.ImageCreate{}).ProtoReflect().Descriptor().ParentFile(),
	}
	for _, file := range files {
		addMessages(all, file.Messages())
		addEnums(all, file.Enums())
		addServices(all, file.Services())
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		panic(err)
	}
}

func addMessages(all description, messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		message := messages.Get(i)
		if message.IsMapEntry() {
			continue
		}
		fields := map[string]field{}
		for j := range message.Fields().Len() {
			described := describeField(message.Fields().Get(j))
			fields[described.Name] = described
		}
		all.Messages[string(message.FullName())] = fields
		addMessages(all, message.Messages())
		addEnums(all, message.Enums())
	}
}

func describeField(of protoreflect.FieldDescriptor) field {
	value, mapKey := of, ""
	if of.IsMap() {
		value, mapKey = of.MapValue(), of.MapKey().Kind().String()
	}
	typeName := ""
	if value.Message() != nil {
		typeName = string(value.Message().FullName())
	}
	if value.Enum() != nil {
		typeName = string(value.Enum().FullName())
	}
	return field{
		Name:     string(of.Name()),
		Number:   int(of.Number()),
		Kind:     value.Kind().String(),
		TypeName: typeName,
		Repeated: of.IsList(),
		MapKey:   mapKey,
	}
}

func addEnums(all description, enums protoreflect.EnumDescriptors) {
	for i := range enums.Len() {
		values := map[string]int{}
		for j := range enums.Get(i).Values().Len() {
			value := enums.Get(i).Values().Get(j)
			values[string(value.Name())] = int(value.Number())
		}
		all.Enums[string(enums.Get(i).FullName())] = values
	}
}

func addServices(all description, services protoreflect.ServiceDescriptors) {
	for i := range services.Len() {
		methods := map[string]method{}
		for j := range services.Get(i).Methods().Len() {
			each := services.Get(i).Methods().Get(j)
			methods[string(each.Name())] = method{
				Request:         string(each.Input().FullName()),
				Response:        string(each.Output().FullName()),
				RequestStreams:  each.IsStreamingClient(),
				ResponseStreams: each.IsStreamingServer(),
			}
		}
		all.Services[string(services.Get(i).FullName())] = methods
	}
}
