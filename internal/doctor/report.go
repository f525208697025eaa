package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
)

// question is a question that Tencent's documents leave open, with its answer.
type question struct{ text, answer string }

// WriteReport answers the questions that Tencent's documents leave open by calls of the server API
// with the credentials of app. It writes the answers in a form that may be sent to others: without
// ids of applications, rooms and users, without URLs and secrets. It only reads, with at most 26
// calls in as many seconds. exporter is the URL of the web listener of a running exporter, or
// empty.
func WriteReport(ctx context.Context, w io.Writer, app App, exporter, version string) error {
	if app.API == nil {
		return errors.New("application " + app.ID + " has no api credentials")
	}
	if _, err := app.API.Callback(ctx); err != nil && !restapi.IsCode(err, restapi.CodeNoCallback) {
		return fmt.Errorf("%w: %s", err, restapi.AdviceOf(err).Do)
	}
	page, err := app.API.Rooms(ctx, "")
	if err != nil {
		return fmt.Errorf("%w: %s", err, restapi.AdviceOf(err).Do)
	}
	questions := []question{
		{"Does get_room_list contain rooms with IsPublicVisible false?", hiddenRooms(ctx, app.API, page)},
		{"Is SortDirection honoured by get_room_list?", ascending(ctx, app.API, page)},
		{"Does get_appid_group_list know the GroupType Live?", liveGroups(ctx, app.API)},
		{"Are Live's callbacks counted in CallBackReq?", callbackDay(ctx, app.API) + "; " + eventsOf(ctx, exporter, app.ID)},
		{"Does set_callback overwrite?", overwrites},
		{"What is MaxRoomCount of the package?", limitOf(ctx, exporter, app.ID) + "; please name your package"},
	}
	host := app.API.Host()
	if restapi.CheckHost(host, false) != nil {
		host = "a host of the account's own"
	}
	fmt.Fprintf(w, "tuilivekit-exporter %s, doctor report of %s\nserver API: %s; rooms on the first page of the list: %d\n", version, time.Now().UTC().Format(time.DateOnly), host, len(page.Rooms))
	for i, q := range questions {
		fmt.Fprintf(w, "\n%d. %s\n   %s\n", i+1, q.text, q.answer)
	}
	fmt.Fprintln(w, "\nThere are no ids, URLs or secrets above. Read it before you send it.")
	return ctx.Err()
}

// overwrites is the answer to a question that needs a call that writes.
const overwrites = "not asked: no call that only reads tells it, and to try it would replace the callback configuration of this account. " +
	"The exporter does not need to know: setup calls set_callback only if get_callback reports that none is set (100301), and update_callback otherwise"

// hiddenRooms asks about every room of a page whether it is public.
func hiddenRooms(ctx context.Context, api *restapi.Client, page restapi.RoomPage) string {
	asked, hidden := 0, 0
	for _, r := range page.Rooms {
		if !pause(ctx) {
			break
		}
		info, err := api.Room(ctx, r.ID)
		if restapi.IsCode(err, restapi.CodeRoomGone) {
			continue
		}
		if err != nil {
			return "not known: " + redact(err)
		}
		if asked++; info.Hidden {
			hidden++
		}
	}
	switch {
	case asked == 0:
		return "not known: no room is open"
	case hidden > 0:
		return fmt.Sprintf("yes: %d of %d rooms on the first page", hidden, asked)
	}
	return fmt.Sprintf("not seen among %d rooms on the first page; this is an answer only if the application has such rooms", asked)
}

func ascending(ctx context.Context, api *restapi.Client, down restapi.RoomPage) string {
	pause(ctx)
	up, err := api.RoomsAscending(ctx, "")
	switch {
	case err != nil:
		return "not known: " + redact(err)
	case len(down.Rooms) < 2 || len(up.Rooms) < 2 || down.Rooms[0].Views == down.Rooms[len(down.Rooms)-1].Views:
		return "not known: there are too few rooms of different ViewCount"
	case up.Rooms[0].Views < up.Rooms[len(up.Rooms)-1].Views:
		return "yes: with ascend the lowest ViewCount comes first"
	}
	return "no: with ascend the order is the same"
}

func liveGroups(ctx context.Context, api *restapi.Client) string {
	pause(ctx)
	live, err := api.Groups(ctx, "Live")
	if err != nil {
		return "no: " + redact(err)
	}
	pause(ctx)
	all, err := api.Groups(ctx, "")
	if err != nil {
		return fmt.Sprintf("it answers TotalCount %d; of all types: %s", live, redact(err))
	}
	return fmt.Sprintf("it answers TotalCount %d, and %d of all types", live, all)
}

func callbackDay(ctx context.Context, api *restapi.Client) string {
	day, err := newestDay(ctx, api)
	if err != nil {
		return "Tencent's numbers are not known: " + redact(err)
	}
	return fmt.Sprintf("on %s Tencent sent %s and got %s answers", day.Date, day.CallbacksSent, day.CallbacksAnswered)
}

func eventsOf(ctx context.Context, exporter, appID string) string {
	s, ok := askStatus(ctx, exporter)
	for _, app := range s.Apps {
		if ok && app.ID == appID {
			return fmt.Sprintf("the exporter has counted %d threshold events since it began", app.Events)
		}
	}
	return "please add what the exporter counted that day"
}

func limitOf(ctx context.Context, exporter, appID string) string {
	s, ok := askStatus(ctx, exporter)
	for _, app := range s.Apps {
		if ok && app.ID == appID && app.Max != nil {
			return fmt.Sprint(*app.Max)
		}
	}
	return "not known: there was no threshold event yet"
}

// redact returns the part of an error of the server API that may be shown to others: the code.
func redact(err error) string {
	var answered *restapi.Error
	if errors.As(err, &answered) {
		return fmt.Sprintf("error code %d", answered.Code)
	}
	return strings.ToLower(restapi.AdviceOf(err).Meaning)
}

// pause limits a report to one call per second. It returns false if ctx has ended.
func pause(ctx context.Context) bool {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
